"""Streams of random numbers, each derived from a run's seed and the purpose it serves."""

import hashlib
import random


def derive(seed: int, *purpose: str | int) -> int:
    """Return the 63-bit seed of one stream.

    Streams of different purposes are independent, so that drawing more from one (a combiner
    that shuffles, say) cannot shift another (the order of the data).

    Args:
        seed: the run's seed.
        purpose: what the stream is for, such as ``("data", "sst", 0)``.
    """
    words = "\x1f".join([str(seed), *(str(word) for word in purpose)])
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:8], "big") >> 1


def stream(seed: int, *purpose: str | int) -> random.Random:
    """Return Python's generator for one purpose; it shares no state with any other."""
    return random.Random(derive(seed, *purpose))


def seed_torch(seed: int) -> None:
    """Seed torch's global generators as ``torch.manual_seed`` does, and without its price.

    Where there is no CUDA that keeps the whole stack as text, a hundred times as long as this
    takes, for the CUDA that may start later.
    """
    import torch

    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_available():
        torch.cuda.manual_seed_all(seed)
