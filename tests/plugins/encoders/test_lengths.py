import math

import pytest

from mtbench.api import UsageError
from mtbench_builtins.encoders.lengths import longest

LIMITS = {"config.json: positions": 512, "tokenizer_config.json: length": 128, "none": None}


def test_the_smallest_limit_counts() -> None:
    assert longest(None, LIMITS) == 128
    assert longest(128, LIMITS) == 128
    assert longest(100, LIMITS) == 100
    assert longest(100, {"none": None}) == 100
    assert longest(None, {"none": None}) is None


@pytest.mark.parametrize("length", [10**30, 1e30, math.inf])
def test_what_the_library_says_of_any_length_is_no_limit(length: float) -> None:
    assert longest(None, {"any": length}) is None
    assert longest(9999, {"any": length}) == 9999
    assert longest(None, {"any": length, "some": 100.0}) == 100


def test_more_than_there_may_be_is_refused_with_both_numbers() -> None:
    with pytest.raises(UsageError) as error:
        longest(129, LIMITS)
    assert str(error.value) == "max_tokens is 129, but tokenizer_config.json: length is 128"
