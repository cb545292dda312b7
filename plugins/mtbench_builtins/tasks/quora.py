"""PD: paraphrase detection on pairs of questions from Quora, yes (1) or no (0)."""

from typing import ClassVar

from mtbench.api import Submission, TaskInfo
from mtbench_builtins.tasks.cs224n import FileTask


class Quora(FileTask):
    """Whether two questions ask the same."""

    stem: ClassVar = "quora"
    text_columns: ClassVar = ("sentence1", "sentence2")
    label_column: ClassVar = "is_duplicate"
    info: ClassVar = TaskInfo(
        sentences=2,
        loss="binary-cross-entropy",
        metrics=("accuracy", "macro_f1"),
        classes=2,
        submission=Submission("para", "Predicted_Is_Paraphrase"),
        published_sizes={"train": 141_506, "dev": 20_215, "test": 40_431},
    )
