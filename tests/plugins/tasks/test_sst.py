from mtbench.api import Submission
from mtbench_builtins.tasks.sst import SST

INFO = SST().describe()


def test_the_target() -> None:
    assert (INFO.sentences, INFO.outputs, INFO.loss) == (1, 5, "cross-entropy")
    assert (INFO.classes, INFO.score_range) == (5, None)
    assert INFO.metrics == ("accuracy", "macro_f1")


def test_published_sizes_are_the_handouts() -> None:
    assert INFO.published_sizes == {"train": 8_544, "dev": 1_101, "test": 2_210}


def test_the_submission_is_named_as_the_leaderboard_names_it() -> None:
    assert INFO.submission == Submission("sst", "Predicted_Sentiment")


def test_the_files() -> None:
    assert (SST.stem, SST.label_column) == ("ids-sst", "sentiment")
    assert SST.text_columns == ("sentence",)
