"""Files: the names of a run's files, and the error for one that is not what was written."""

from mtbench.errors import UsageError
from mtbench.store.owners import OWNER

RESULT = "result.json"
REQUEST = "run.json"
HISTORY = "history.jsonl"
LOG = "log.txt"
PREDICTIONS = "predictions.npz"
CHECKPOINT = "checkpoint.safetensors"
LOCK = "lock"

DAMAGE = "damage.json"
"""What a reader found to be wrong with a large file, which is not read each time."""

FILES = (RESULT, REQUEST, HISTORY, LOG, PREDICTIONS, CHECKPOINT, LOCK, OWNER, DAMAGE)
"""All files of a run's folder."""

SEALED = (REQUEST, PREDICTIONS, CHECKPOINT)
"""Files of which the result of a run holds size and digest."""


class Damaged(UsageError):
    """What is stored of a run is not what was written.

    Attributes:
        reason: which file it is, and what is wrong with it.
    """

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"run {key[:12]} is damaged: {reason}; 'mtbench ablate' trains it anew")
        self.reason = reason
