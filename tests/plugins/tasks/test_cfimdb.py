from mtbench.api import Submission
from mtbench_builtins.tasks.cfimdb import CFIMDB

INFO = CFIMDB().describe()


def test_the_target() -> None:
    assert (INFO.sentences, INFO.outputs, INFO.loss) == (1, 2, "cross-entropy")
    assert (INFO.classes, INFO.score_range) == (2, None)
    assert INFO.metrics == ("accuracy", "macro_f1")


def test_published_sizes_are_the_handouts() -> None:
    assert INFO.published_sizes == {"train": 1_701, "dev": 245, "test": 488}


def test_the_submission_is_named_as_the_leaderboard_names_it() -> None:
    assert INFO.submission == Submission("cfimdb", "Predicted_Sentiment")


def test_the_files() -> None:
    assert (CFIMDB.stem, CFIMDB.label_column) == ("ids-cfimdb", "sentiment")
    assert CFIMDB.text_columns == ("sentence",)
