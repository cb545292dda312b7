"""CFIMDB: long film reviews from IMDB, clearly negative (0) or clearly positive (1)."""

from typing import ClassVar

from mtbench.api import Submission, TaskInfo
from mtbench_builtins.tasks.cs224n import FileTask


class CFIMDB(FileTask):
    """Sentiment of a film review."""

    stem: ClassVar = "ids-cfimdb"
    text_columns: ClassVar = ("sentence",)
    label_column: ClassVar = "sentiment"
    info: ClassVar = TaskInfo(
        sentences=1,
        loss="cross-entropy",
        metrics=("accuracy", "macro_f1"),
        classes=2,
        submission=Submission("cfimdb", "Predicted_Sentiment"),
        published_sizes={"train": 1_701, "dev": 245, "test": 488},
    )
