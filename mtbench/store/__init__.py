"""The store: a folder a run, a file a timing, a folder a set of token ids, all written whole."""

from mtbench.store.files import (
    CHECKPOINT,
    DAMAGE,
    HISTORY,
    LOCK,
    LOG,
    PREDICTIONS,
    REQUEST,
    RESULT,
    Damaged,
)
from mtbench.store.keys import canonical, digest_without, run_key
from mtbench.store.leftovers import attempt_name
from mtbench.store.owners import OWNER
from mtbench.store.records import (
    Failure,
    Identity,
    Record,
    Request,
    Result,
    State,
    StoredFailure,
    StoredResult,
)
from mtbench.store.runs import TAIL, RunFolder, Store
from mtbench.store.timings import StoredTiming, TimedRun

__all__ = [
    "CHECKPOINT",
    "DAMAGE",
    "HISTORY",
    "LOCK",
    "LOG",
    "OWNER",
    "PREDICTIONS",
    "REQUEST",
    "RESULT",
    "TAIL",
    "Damaged",
    "Failure",
    "Identity",
    "Record",
    "Request",
    "Result",
    "RunFolder",
    "State",
    "Store",
    "StoredFailure",
    "StoredResult",
    "StoredTiming",
    "TimedRun",
    "attempt_name",
    "canonical",
    "digest_without",
    "run_key",
]
