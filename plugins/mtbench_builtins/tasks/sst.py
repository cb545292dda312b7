"""SST: the Stanford Sentiment Treebank, one sentence, five classes from 0 (worst) to 4 (best)."""

from typing import ClassVar

from mtbench.api import Submission, TaskInfo
from mtbench_builtins.tasks.cs224n import FileTask


class SST(FileTask):
    """Sentiment of a sentence from a film review."""

    stem: ClassVar = "ids-sst"
    text_columns: ClassVar = ("sentence",)
    label_column: ClassVar = "sentiment"
    info: ClassVar = TaskInfo(
        sentences=1,
        loss="cross-entropy",
        metrics=("accuracy", "macro_f1"),
        classes=5,
        submission=Submission("sst", "Predicted_Sentiment"),
        published_sizes={"train": 8_544, "dev": 1_101, "test": 2_210},
    )
