import random

from mtbench.randomness import derive, seed_torch, stream


def test_seeds_are_pinned() -> None:
    """Every stored number hangs on these: when one moves, NUMERICS goes up."""
    assert derive(0) == 3456079177858693020
    assert derive(0, "data", "sst", 0) == 3085503818042839822
    assert derive(0, "data", "sst", 1) == 8691849892468851192
    assert derive(1, "data", "sst", 0) == 8556659897459600251


def test_a_stream_is_pinned() -> None:
    rng = stream(0, "data", "sst", 0)
    assert [rng.randrange(1000) for _ in range(5)] == [934, 946, 818, 325, 25]
    assert rng.random() == 0.5643857547873699


def test_words_do_not_run_together() -> None:
    seeds = [
        derive(1, "23"),
        derive(12, "3"),
        derive(1, "2", "3"),
        derive(123),
        derive(1, "23", ""),
    ]
    assert len(set(seeds)) == len(seeds)


def test_a_seed_fits_into_63_bits() -> None:
    """Torch takes signed 64-bit seeds, and all of the bits are used."""
    seeds = [derive(seed, "purpose") for seed in range(200)]
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert max(seeds) >= 2**62


def test_streams_are_independent_of_one_another_and_of_the_global_generator() -> None:
    before = random.getstate()
    first, second = stream(0, "combiner"), stream(0, "combiner")
    other = stream(0, "data")
    other.shuffle(list(range(100)))
    assert [first.random() for _ in range(3)] == [second.random() for _ in range(3)]
    assert random.getstate() == before


def test_torch_is_seeded_as_by_its_own_function() -> None:
    import torch

    numbers = []
    for seed in (seed_torch, torch.manual_seed):
        seed(2**62 + 3)
        numbers.append(torch.rand(5))
        assert torch.initial_seed() == 2**62 + 3
    assert torch.equal(*numbers)
