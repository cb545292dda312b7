import pytest
from pydantic import ValidationError

from mtbench_builtins.combiners import parameters


@pytest.mark.parametrize(
    ("model", "wrong"),
    [
        ("UncertaintyParameters", {"lr": 0}),
        ("DWAParameters", {"temperature": 0}),
        ("DWAParameters", {"window": 0}),
        ("DWAParameters", {"window": 1.5}),
        ("FAMOParameters", {"lr": -1}),
        ("FAMOParameters", {"gamma": -0.1}),
        ("GradVacParameters", {"beta": 1.1}),
        ("CAGradParameters", {"c": -0.1}),
        ("GradDropParameters", {"leak": 2}),
        ("CAGradParameters", {"alpha": 0.4}),
    ],
)
def test_what_makes_no_sense_is_refused(model, wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        getattr(parameters, model)(**wrong)


def test_the_defaults_are_the_papers():
    assert parameters.DWAParameters().temperature == 2
    assert parameters.FAMOParameters().lr == 0.025
    assert parameters.GradVacParameters().beta == 0.01
    assert parameters.CAGradParameters().c == 0.4
    assert parameters.GradDropParameters().leak == 0
