"""Sampling: shares, samples and orders of examples, the same on every machine and Python.

Python promises to keep the numbers of ``random()`` for a seed, but not those of ``shuffle`` or
``sample``, so permutations here are sortings by ``random()``.
"""

import hashlib
import random

from mtbench.data.loading import select
from mtbench.protocols import Examples
from mtbench.randomness import stream


def share(examples: Examples, fraction: float, seed: int, task_name: str) -> Examples:
    """Return the seeded share of a training set: ``max(1, round(fraction * n))`` examples.

    A smaller share of the same seed lies within a larger one. The order stays that of the ids.

    Args:
        examples: n of them.
        fraction: in (0, 1]; 1 gives the examples unchanged.
        seed: the run's seed.
        task_name: each task has its own stream.
    """
    if fraction == 1:
        return examples
    count = max(1, round(fraction * len(examples)))
    permutation = _permutation(stream(seed, "fraction", task_name), len(examples))
    return select(examples, sorted(permutation[:count]))


def order(seed: int, task_name: str, pass_index: int, n: int) -> list[int]:
    """Return the order in which one pass through a task's n examples takes them.

    It depends on nothing else, so two balancers see each task's examples in the same order.
    """
    return _permutation(stream(seed, "data", task_name, pass_index), n)


def sample(examples: Examples, count: int) -> Examples:
    """Return a fixed sample of at most ``count`` examples, in the order of their ids.

    It takes the ids with the smallest SHA-256 digests: no seed is in it, so all runs of a
    study score the same examples, and a larger sample holds a smaller one.
    """
    digests = [hashlib.sha256(id_.encode()).digest() for id_ in examples.ids]
    by_digest = sorted(range(len(examples)), key=digests.__getitem__)
    return select(examples, sorted(by_digest[:count]))


def _permutation(rng: random.Random, n: int) -> list[int]:
    """Return a uniformly drawn permutation of 0 .. n - 1."""
    keys = [rng.random() for _ in range(n)]
    return sorted(range(n), key=keys.__getitem__)
