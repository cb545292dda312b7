"""Batches: one pass over a task's examples, cut into batches."""

from collections.abc import Iterator


def one_pass(size: int, batch_size: int) -> Iterator[int]:
    """Yield the batch sizes of one pass: full batches, then what is left as a last one.

    Args:
        size: examples of the task.
        batch_size: examples in a full batch.
    """
    for taken in range(0, size, batch_size):
        yield min(batch_size, size - taken)
