"""Data: the one door to the examples of tasks, their shares and samples, and their status."""

from mtbench.data.fetching import Fetched, NotFetched, altered, fetch
from mtbench.data.loading import fingerprint, load
from mtbench.data.overlap import shared_texts
from mtbench.data.sampling import order, sample, share
from mtbench.data.sources import SOURCES, Source, chosen
from mtbench.data.status import ClassBalance, ScoreBalance, SplitStatus, TokenStatus, status

__all__ = [
    "SOURCES",
    "ClassBalance",
    "Fetched",
    "NotFetched",
    "ScoreBalance",
    "Source",
    "SplitStatus",
    "TokenStatus",
    "altered",
    "chosen",
    "fetch",
    "fingerprint",
    "load",
    "order",
    "sample",
    "share",
    "shared_texts",
    "status",
]
