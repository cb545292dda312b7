import pytest
from pydantic import ValidationError

from mtbench_builtins.encoders.huggingface.parameters import HuggingFaceParameters


def test_defaults() -> None:
    assert HuggingFaceParameters(checkpoint="roberta-base").model_dump() == {
        "checkpoint": "roberta-base",
        "revision": None,
        "mode": "finetune",
        "dropout": None,
        "max_tokens": None,
    }


@pytest.mark.parametrize("given", [{}, {"checkpoint": ""}, {"checkpoint": "x", "layers": 2}])
def test_what_makes_no_sense_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        HuggingFaceParameters.model_validate(given)
