"""Splitting: which split the texts of a file without one belong to, by a digest of them."""

from collections.abc import Sequence

from mtbench.api import Split, derive

SPAN = 2**63
"""What ``derive`` gives is below it."""


def split_of(texts: Sequence[str], *, dev: float, test: float) -> Split:
    """Return the split of an example: the same in every file, at every place in it.

    The SHA-256 of the texts, in ascending order, is a number u in [0, 1). The example is in test
    where u < test, in dev where u < test + dev, else in train. So equal texts, and a pair in
    either order, are never on two sides, and new rows move none that were there.

    Args:
        texts: of the example.
        dev: share of dev.
        test: share of test.
    """
    u = derive(0, "split", *sorted(texts)) / SPAN
    if u < test:
        return "test"
    return "dev" if u < test + dev else "train"
