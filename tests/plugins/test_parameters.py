"""Parameters of the built-ins: their defaults, and what makes no sense."""

from typing import Any

import pytest
from pydantic import ValidationError

from mtbench.api import HeadParameters, Parameters
from mtbench.components.catalogue import details
from mtbench.components.registry import Registry
from mtbench_builtins.balancers.parameters import SingleParameters
from mtbench_builtins.balancers.sampling_parameters import (
    AnnealedParameters,
    SamplingParameters,
    TemperatureParameters,
)
from mtbench_builtins.combiners.parameters import (
    CAGradParameters,
    DWAParameters,
    FAMOParameters,
    GradDropParameters,
    GradVacParameters,
    UncertaintyParameters,
)
from mtbench_builtins.encoders.huggingface.parameters import HuggingFaceParameters
from mtbench_builtins.encoders.parameters import MinBertParameters, TinyParameters
from mtbench_builtins.heads.parameters import MlpParameters
from mtbench_builtins.tasks.sample_parameters import (
    SamplePDParameters,
    SampleSSTParameters,
    SampleSTSParameters,
)

COMMON = {"mode": "finetune", "dropout": None, "max_tokens": None}
SHAPE = {
    "layers": 2,
    "width": 128,
    "attention_heads": 4,
    "intermediate": 512,
    "max_positions": 512,
}
ANYWHERE = {"checkpoint": None, "revision": None}
HELD_OUT = {"dev": 300, "test": 300}


@pytest.mark.parametrize(
    ("model", "given", "defaults"),
    [
        (UncertaintyParameters, {}, {"lr": 0.01}),
        (DWAParameters, {}, {"temperature": 2, "window": 50}),
        (FAMOParameters, {}, {"lr": 0.025, "gamma": 0.01, "min_loss": 0}),
        (GradVacParameters, {}, {"beta": 0.01}),
        (CAGradParameters, {}, {"c": 0.4}),
        (GradDropParameters, {}, {"leak": 0}),
        (SingleParameters, {"task": "sst"}, {}),
        (SamplingParameters, {}, {"group": 1}),
        (TemperatureParameters, {}, {"group": 1, "temperature": 2.0, "cap": None}),
        (AnnealedParameters, {}, {"group": 1, "end": 0.2}),
        (MlpParameters, {}, {**HeadParameters().model_dump(), "hidden": None}),
        # Tasks of equal size would run out together, and no balancer would differ from another.
        (SampleSSTParameters, {}, {"train": 640, **HELD_OUT}),
        (SamplePDParameters, {}, {"train": 1200, **HELD_OUT}),
        (SampleSTSParameters, {"test": 100_000}, {"train": 480, "dev": 300}),
        (MinBertParameters, {"layers": 3}, {**COMMON, **SHAPE, **ANYWHERE}),
        (MinBertParameters, {"checkpoint": "x"}, {**COMMON, **dict.fromkeys(SHAPE), **ANYWHERE}),
        (TinyParameters, {}, COMMON),
        (TinyParameters, {"mode": "frozen", "dropout": 0.2, "max_tokens": 64}, {}),
        (HuggingFaceParameters, {"checkpoint": "x"}, {**COMMON, **ANYWHERE}),
    ],
    ids=str,
)
def test_defaults(model: type[Parameters], given: dict[str, Any], defaults: Any) -> None:
    """The papers', where there is one; what was filled in once can be read again."""
    filled = model(**given)
    dumped = filled.model_dump()
    assert dumped == defaults | given
    assert model.model_validate(filled.model_dump(mode="json")) == filled


def test_the_shape_is_the_checkpoints_where_there_is_one() -> None:
    assert MinBertParameters().shape() == SHAPE
    assert MinBertParameters(checkpoint="bert-base-uncased").shape() == {}
    tiny = TinyParameters()
    assert (tiny.checkpoint, tiny.revision, tiny.shape()) == ("tiny", None, {})


@pytest.mark.parametrize(
    ("model", "given", "reason"),
    [
        (UncertaintyParameters, {"lr": 0}, "lr"),
        (DWAParameters, {"temperature": 0}, "temperature"),
        (DWAParameters, {"window": 0}, "window"),
        (DWAParameters, {"window": 1.5}, "window"),
        (FAMOParameters, {"lr": -1}, "lr"),
        (FAMOParameters, {"gamma": -0.1}, "gamma"),
        (GradVacParameters, {"beta": 1.1}, "beta"),
        (CAGradParameters, {"c": -0.1}, "c"),
        (CAGradParameters, {"alpha": 0.4}, "alpha"),
        (GradDropParameters, {"leak": 2}, "leak"),
        (SingleParameters, {}, "task"),
        (SamplingParameters, {"group": 0}, "group"),
        (SamplingParameters, {"group": 1.5}, "group"),
        (SamplingParameters, {"temperature": 2}, "temperature"),
        (TemperatureParameters, {"temperature": 0.5}, "temperature"),
        (TemperatureParameters, {"temperature": float("inf")}, "temperature"),
        (TemperatureParameters, {"cap": 0}, "cap"),
        (AnnealedParameters, {"end": -0.1}, "end"),
        (AnnealedParameters, {"end": 1.1}, "end"),
        (MlpParameters, {"hidden": 0}, "hidden"),
        (MlpParameters, {"hidden": 1.5}, "hidden"),
        (SampleSSTParameters, {"train": 0}, "greater than or equal to 1"),
        (SamplePDParameters, {"dev": 100_001}, "less than or equal to 100000"),
        (SampleSTSParameters, {"trian": 3}, "Extra inputs are not permitted"),
        (MinBertParameters, {"checkpoint": "x", "layers": 2, "width": 8}, "layers, width: a che"),
        (MinBertParameters, {"width": 130}, "width 130 is no multiple of 4 attention_heads"),
        (MinBertParameters, {"revision": "main"}, "a revision needs the checkpoint"),
        (MinBertParameters, {"mode": "thawed"}, "'finetune' or 'frozen'"),
        (MinBertParameters, {"dropout": 1.0}, "less than 1"),
        (MinBertParameters, {"max_tokens": 2}, "greater than or equal to 8"),
        (MinBertParameters, {"max_tokens": 513}, "max_tokens is 513, but max_positions is 512"),
        (MinBertParameters, {"layers": 0}, "greater than 0"),
        (MinBertParameters, {"checkpoint": ""}, "at least 1 character"),
        (
            TinyParameters,
            {"checkpoint": "bert-base-uncased", "mode": "frozen", "layers": 2},
            'checkpoint, layers: the weights of tiny are given; .* of the encoder "minbert"',
        ),
        (TinyParameters, {"revision": None}, "revision: the weights of tiny are given"),
        (TinyParameters, {"moed": "frozen"}, "Extra inputs are not permitted"),
        (HuggingFaceParameters, {}, "checkpoint"),
        (HuggingFaceParameters, {"checkpoint": ""}, "at least 1 character"),
        (HuggingFaceParameters, {"checkpoint": "x", "layers": 2}, "layers"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(
    model: type[Parameters], given: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ValidationError, match=reason):
        model(**given)


def test_an_inherited_parameter_is_told_as_its_own_class_has_it() -> None:
    [record] = details(Registry.load(), "huggingface")
    said = {parameter["name"]: parameter["meaning"] for parameter in record["parameters"]}
    assert said["dropout"] == "every rate within the encoder; None for the checkpoint's own."
