from mtbench.api import Submission
from mtbench_builtins.tasks.quora import Quora

INFO = Quora().describe()


def test_the_target() -> None:
    assert (INFO.sentences, INFO.outputs, INFO.loss) == (2, 1, "binary-cross-entropy")
    assert (INFO.classes, INFO.score_range) == (2, None)
    assert INFO.metrics == ("accuracy", "macro_f1")


def test_published_sizes_are_the_handouts() -> None:
    assert INFO.published_sizes == {"train": 141_506, "dev": 20_215, "test": 40_431}


def test_the_submission_is_named_as_the_leaderboard_names_it() -> None:
    assert INFO.submission == Submission("para", "Predicted_Is_Paraphrase")


def test_the_files() -> None:
    assert (Quora.stem, Quora.label_column) == ("quora", "is_duplicate")
    assert Quora.text_columns == ("sentence1", "sentence2")
