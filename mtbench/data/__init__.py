"""Data: the one door to the examples of tasks, their shares and samples, and their sources."""

from mtbench.data.fetching import Fetched, NotFetched, altered, fetch
from mtbench.data.loading import fingerprint, holds_nothing, load, shared_texts
from mtbench.data.sampling import order, sample, share
from mtbench.data.sources import SOURCES, Source, chosen

__all__ = [
    "SOURCES",
    "Fetched",
    "NotFetched",
    "Source",
    "altered",
    "chosen",
    "fetch",
    "fingerprint",
    "holds_nothing",
    "load",
    "order",
    "sample",
    "share",
    "shared_texts",
]
