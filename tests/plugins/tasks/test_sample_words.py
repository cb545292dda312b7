import random

from mtbench_builtins.tasks.sample_words import article, pick


def test_pick_reaches_every_item_and_draws_once() -> None:
    rng, twin = random.Random(0), random.Random(0)

    picked = [pick(rng, "abc") for _ in range(100)]

    assert set(picked) == set("abc")
    for _ in range(100):
        twin.random()
    assert rng.random() == twin.random()


def test_article() -> None:
    assert [article(word) for word in ("awful", "old", "big", "yard")] == ["an", "an", "a", "a"]
