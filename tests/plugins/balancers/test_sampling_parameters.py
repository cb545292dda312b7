from typing import Any

import pytest
from pydantic import ValidationError

from mtbench.api import Parameters
from mtbench_builtins.balancers.sampling_parameters import (
    AnnealedParameters,
    SamplingParameters,
    TemperatureParameters,
)


def test_defaults() -> None:
    assert SamplingParameters().model_dump() == {"group": 1}
    assert TemperatureParameters().model_dump() == {"group": 1, "temperature": 2.0, "cap": None}
    assert AnnealedParameters().model_dump() == {"group": 1, "end": 0.2}


@pytest.mark.parametrize(
    ("model", "given"),
    [
        (SamplingParameters, {"group": 0}),
        (SamplingParameters, {"group": 1.5}),
        (SamplingParameters, {"temperature": 2}),
        (TemperatureParameters, {"temperature": 0.5}),
        (TemperatureParameters, {"temperature": float("inf")}),
        (TemperatureParameters, {"cap": 0}),
        (AnnealedParameters, {"end": -0.1}),
        (AnnealedParameters, {"end": 1.1}),
    ],
)
def test_what_does_not_fit(model: type[Parameters], given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(given))):
        model(**given)
