import pytest

from mtbench.data import shared_texts
from mtbench.protocols import Examples

Texts = tuple[tuple[str, ...], ...]


def examples(texts: Texts) -> Examples:
    return Examples(tuple(map(str, range(len(texts)))), texts, None)


@pytest.mark.parametrize(
    ("dev", "train", "count"),
    [
        ((("a film",), ("b",)), (("c",), ("a film",)), 1),
        ((("a film",), ("a film",)), (("a film",), ("a film",)), 2),
        (((" a film\n",),), (("a film",),), 1),
        ((("A film",), ("a  film",)), (("a film",),), 0),
        ((("a", "b"), ("b", "a"), ("b", "c")), (("b", "a"),), 2),
        ((("a", "a"), ("a", "b")), (("a", "a"),), 1),
        ((("a b", "c"),), (("a", "b c"),), 0),
        ((("a", "b"),), (("a", "c"), ("c", "b")), 0),
        ((), (("a",),), 0),
        ((("a",),), (), 0),
    ],
)
def test_examples_with_the_texts_of_one_of_train_are_counted(
    dev: Texts, train: Texts, count: int
) -> None:
    assert shared_texts(examples(dev), examples(train)) == count


@pytest.mark.parametrize("texts", [(("a", "b"), ("c", "d")), (("a",), ("b",), ("b",))])
def test_a_split_shares_all_with_itself_in_any_order(texts: Texts) -> None:
    turned = tuple(pair[::-1] for pair in texts[::-1])

    assert shared_texts(examples(turned), examples(texts)) == len(texts)
