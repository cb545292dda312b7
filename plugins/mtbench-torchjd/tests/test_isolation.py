"""Isolation: the process's generators and warnings are as they were, even after an error."""

import random
import warnings

import numpy as np
import pytest
import torch

from mtbench_torchjd.isolation import isolated


def draws() -> tuple[float, float, float]:
    return torch.rand(()).item(), float(np.random.rand()), random.random()


def draw_and_fail() -> None:
    with isolated(torch.Generator()):
        draws()
        raise KeyError


def test_draws_inside_come_from_the_generator() -> None:
    found = []
    for seed, outside in ((1, 5), (1, 6), (2, 5)):
        torch.manual_seed(outside)
        np.random.seed(outside)
        random.seed(outside)
        with isolated(torch.Generator().manual_seed(seed)):
            found.append(draws())
    assert found[0] == found[1]
    assert not set(found[0]) & set(found[2])


def test_each_step_draws_anew() -> None:
    generator = torch.Generator().manual_seed(0)
    found = []
    for _ in range(2):
        with isolated(generator):
            found.append(draws())
    assert not set(found[0]) & set(found[1])


def test_draws_outside_go_on_even_after_an_error() -> None:
    expected = []
    for broken in (False, True):
        torch.manual_seed(3)
        np.random.seed(3)
        random.seed(3)
        if broken:
            with pytest.raises(KeyError):
                draw_and_fail()
        expected.append(draws())
    assert expected[0] == expected[1]


def test_only_the_libraries_warnings_are_left_out() -> None:
    with isolated(torch.Generator()):
        warnings.warn_explicit("noise", UserWarning, "x.py", 1, module="cvxpy.problems.problem")
        warnings.warn_explicit("noise", RuntimeWarning, "x.py", 1, module="torchjd")
        with pytest.raises(UserWarning, match="heed"):  # a warning is an error here
            warnings.warn("heed", UserWarning, stacklevel=1)
        with pytest.raises(UserWarning, match="heed"):
            warnings.warn_explicit("heed", UserWarning, "x.py", 1, module="cvxpylayers")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_a_device_s_generator_is_put_back() -> None:
    device = torch.device("cuda", torch.cuda.current_device())
    before = torch.cuda.get_rng_state(device)
    found = []
    for _ in range(2):
        with isolated(torch.Generator().manual_seed(1), device):
            found.append(torch.rand(4, device=device).tolist())
    assert found[0] == found[1]
    assert torch.equal(torch.cuda.get_rng_state(device), before)
