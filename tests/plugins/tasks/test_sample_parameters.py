import pytest
from pydantic import ValidationError

from mtbench_builtins.tasks.sample_parameters import (
    SampleParameters,
    SamplePDParameters,
    SampleSSTParameters,
    SampleSTSParameters,
)

MODELS = (SampleSSTParameters, SamplePDParameters, SampleSTSParameters)


def test_training_sets_differ_in_size() -> None:
    """Tasks of equal size would run out together, and no balancer would differ from another."""
    assert [model().train for model in MODELS] == [640, 1200, 480]


@pytest.mark.parametrize("model", MODELS)
def test_sizes_are_checked(model: type[SampleParameters]) -> None:
    assert model(train=1, dev=2, test=100_000).dev == 2
    for given, reason in [
        ({"train": 0}, "greater than or equal to 1"),
        ({"dev": 100_001}, "less than or equal to 100000"),
        ({"trian": 3}, "Extra inputs are not permitted"),
    ]:
        with pytest.raises(ValidationError, match=reason):
            model.model_validate(given)
