import gc
import sys

import pytest
import torch

from mtbench.testing.work import TooMuch, rounded_in, work_of

PACKAGE = __name__.partition(".")[0]
LARGE = 10**9


def loop(times: int) -> int:
    total = 0
    for index in range(times):
        total += index
    return total


def work(function, package=PACKAGE):
    return work_of(function, package, at_most=LARGE)


def test_lines_of_ones_own_package_are_counted() -> None:
    few, many = work(lambda: loop(10)), work(lambda: loop(110))
    assert many - few == 200  # two lines each time around


def test_elsewhere_calls_are_counted() -> None:
    few, many = work(lambda: loop(10), "nowhere"), work(lambda: loop(110), "nowhere")
    assert few == many > 0


def test_numbers_of_torchs_results_are_counted() -> None:
    small, large = torch.zeros(10), torch.zeros(1010)
    work(lambda: small + 1)  # torch imports a thing or two when it is first watched
    assert work(lambda: large + 1) - work(lambda: small + 1) == 1000


def test_nothing_is_collected_meanwhile() -> None:
    seen = []
    work(lambda: seen.append(gc.isenabled()))
    assert seen == [False]
    assert gc.isenabled()


def test_too_much_is_stopped() -> None:
    with pytest.raises(TooMuch):
        work_of(lambda: loop(10**12), PACKAGE, at_most=1000)


def test_whoever_traces_goes_on() -> None:
    seen = []

    def tracer(frame, event, argument):
        seen.append(frame.f_code.co_name)

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        work(lambda: loop(3))
        after = sys.gettrace()
    finally:
        sys.settrace(before)
    assert after is tracer


def test_operations_that_round_are_named() -> None:
    double = torch.ones(2, dtype=torch.float64)
    assert rounded_in(double.float) == ["_to_copy"]
    assert rounded_in(lambda: (double @ double, torch.rand(2).double(), double > 0)) == []
