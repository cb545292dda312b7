import pytest
from pydantic import ValidationError

from mtbench.api import HeadParameters
from mtbench_builtins.heads.parameters import MlpParameters


def test_what_every_head_has_is_there_too() -> None:
    assert MlpParameters().model_dump() == {**HeadParameters().model_dump(), "hidden": None}


@pytest.mark.parametrize("hidden", [0, -3, 1.5])
def test_a_width_is_a_whole_number_above_0(hidden: float) -> None:
    with pytest.raises(ValidationError, match="hidden"):
        MlpParameters(hidden=hidden)
