"""The store: a folder a run, a file a timing, a folder a set of token ids, all written whole."""

from mtbench.store.keys import canonical, digest_without, run_key
from mtbench.store.leftovers import attempt_name
from mtbench.store.machines import machine
from mtbench.store.owners import OWNER
from mtbench.store.records import (
    CHECKPOINT,
    DAMAGE,
    HISTORY,
    LOCK,
    LOG,
    PREDICTIONS,
    REQUEST,
    RESULT,
    Damaged,
    Record,
    State,
)
from mtbench.store.runs import TAIL, RunFolder, Store
from mtbench.store.test_uses import TEST_USES

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
    "TEST_USES",
    "Damaged",
    "Record",
    "RunFolder",
    "State",
    "Store",
    "attempt_name",
    "canonical",
    "digest_without",
    "machine",
    "run_key",
]
