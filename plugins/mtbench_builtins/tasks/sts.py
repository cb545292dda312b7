"""STS: semantic textual similarity of two sentences, from 0 (unrelated) to 5 (equal)."""

from typing import ClassVar

from mtbench.api import Submission, TaskInfo
from mtbench_builtins.tasks.cs224n import FileTask


class STS(FileTask):
    """How much two sentences mean the same."""

    stem: ClassVar = "sts"
    text_columns: ClassVar = ("sentence1", "sentence2")
    label_column: ClassVar = "similarity"
    info: ClassVar = TaskInfo(
        sentences=2,
        loss="squared-error",
        metrics=("pearson", "spearman"),
        score_range=(0.0, 5.0),
        submission=Submission("sts", "Predicted_Similiary"),  # the leaderboard's spelling
        published_sizes={"train": 6_041, "dev": 864, "test": 1_726},
    )
