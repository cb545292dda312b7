import pytest
from pydantic import ValidationError

from mtbench.components.catalogue import details
from mtbench.components.registry import Registry
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


@pytest.mark.parametrize(
    ("encoder", "meaning"),
    [
        ("huggingface", "every rate within the encoder; None for the checkpoint's own."),
    ],
)
def test_what_is_said_of_dropout(encoder: str, meaning: str) -> None:
    [record] = details(Registry.load(), encoder)
    said = {parameter["name"]: parameter["meaning"] for parameter in record["parameters"]}
    assert said["dropout"] == meaning
