"""What these checks catch is in test_encoders; here, how they compare gradients."""

import pytest
import torch
from torch import nn

from mtbench.gradients.jacobian import ParameterGradients
from mtbench.testing.checks import CheckFailed
from mtbench.testing.encoder_gradients import _full, _largest, _require_near


def test_a_gradient_of_some_rows_is_laid_out_in_full() -> None:
    parameter = nn.Parameter(torch.zeros(4, 2))
    rows = torch.tensor([1, 3])
    used = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    record = ParameterGradients(parameter, [used, None], rows=rows)
    assert _full(record, 0, parameter).tolist() == [[0, 0], [1, 2], [0, 0], [3, 4]]
    assert _full(record, 1, parameter).tolist() == [[0, 0]] * 4
    whole = torch.ones(4, 2)
    assert _full(ParameterGradients(parameter, [whole]), 0, parameter) is whole


def test_near_is_by_the_largest_number_of_the_parameter() -> None:
    expected = torch.tensor([2.0, -10.0])
    _require_near(expected + 0.9e-3, expected, 10.0, "it")
    with pytest.raises(
        CheckFailed, match=r"expected it, of up to 1.0e\+01; came one that is 1.1e-"
    ):
        _require_near(expected + 1.1e-3, expected, 10.0, "it")


def test_a_gradient_that_is_rounding_is_judged_by_those_of_the_others() -> None:
    rounding = torch.tensor([1e-9])
    _require_near(-rounding, rounding, 1.0, "it")
    with pytest.raises(CheckFailed):
        _require_near(-rounding, rounding, 1e-9, "it")
    assert _largest([rounding, torch.tensor([-3.0, 2.0])]) == 3
