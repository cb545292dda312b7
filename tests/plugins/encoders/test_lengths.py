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


def test_more_than_there_may_be_is_refused_with_both_numbers() -> None:
    with pytest.raises(UsageError) as error:
        longest(129, LIMITS)
    assert str(error.value) == "max_tokens is 129, but tokenizer_config.json: length is 128"
