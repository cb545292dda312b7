from mtbench.api import Submission
from mtbench_builtins.tasks.sts import STS

INFO = STS().describe()


def test_the_target() -> None:
    assert (INFO.sentences, INFO.outputs, INFO.loss) == (2, 1, "squared-error")
    assert (INFO.classes, INFO.score_range) == (None, (0.0, 5.0))
    assert INFO.metrics == ("pearson", "spearman")


def test_published_sizes_are_the_handouts() -> None:
    assert INFO.published_sizes == {"train": 6_041, "dev": 864, "test": 1_726}


def test_the_submission_is_named_as_the_leaderboard_names_it() -> None:
    assert INFO.submission == Submission("sts", "Predicted_Similiary")


def test_the_files() -> None:
    assert (STS.stem, STS.label_column) == ("sts", "similarity")
    assert STS.text_columns == ("sentence1", "sentence2")
