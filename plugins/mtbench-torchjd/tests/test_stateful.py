"""Combiners with memory: by tasks' names, whatever their order, and out of JSON again."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torchjd import aggregation

from mtbench.api import CombineInput
from mtbench_torchjd import parameters
from mtbench_torchjd import stateful as module

Step = Callable[..., CombineInput]

MAKE: dict[str, Callable[..., Any]] = {
    "torchjd-nash-mtl": lambda **g: module.NashMTL(parameters.NashMTLParameters(**g)),
    "torchjd-gradvac": lambda **g: module.GradVac(parameters.GradVacParameters(**g)),
    "torchjd-pcd": lambda **g: module.PCD(parameters.PCDParameters(**g)),
    "torchjd-cr-mogm": lambda **g: module.CRMOGM(parameters.CRMOGMParameters(**g)),
}


def jacobians(count: int, tasks: int = 2) -> torch.Tensor:
    """Return gradients in conflict, of one size but not alike."""
    drawn = torch.randn(count, tasks, 4, dtype=torch.float64)
    drawn[:, 0] -= drawn[:, -1] / 2
    return drawn


def test_a_step_depends_on_the_steps_before(stateful: str, step: Step) -> None:
    given = {"update_weights_every": 2} if stateful == "torchjd-nash-mtl" else {}
    first, second = jacobians(2)
    combiner = MAKE[stateful](**given)
    combiner.combine(step("ab", first))
    later = combiner.combine(step("ab", second))
    assert not torch.allclose(later, MAKE[stateful](**given).combine(step("ab", second)))


def test_a_fresh_one_goes_on_from_the_state(stateful: str, step: Step) -> None:
    combiner, other = MAKE[stateful](), MAKE[stateful]()
    for index, jacobian in enumerate(jacobians(3, 3)):
        combiner.combine(step("abc", jacobian, index=index))
    combiner.combine(step("b", jacobians(1, 1)[0], index=3))
    combiner.combine(step("ac", jacobians(1)[0], index=4))
    state = json.loads(json.dumps(combiner.state_dict(), allow_nan=False))
    assert state == combiner.state_dict()
    other.load_state_dict(state)
    assert other.state_dict() == state
    for tasks in ("ac", "abc", "b"):
        following = step(tasks, jacobians(1, len(tasks))[0], index=5)
        expected = combiner.combine(following)
        following.generator.manual_seed(0)
        assert torch.equal(other.combine(following), expected)
    assert other.state_dict() == combiner.state_dict()


def test_before_any_step_there_is_nothing_to_remember(stateful: str, step: Step) -> None:
    combiner = MAKE[stateful]()
    assert combiner.state_dict() == {"groups": []}
    combiner.combine(step("ab", torch.zeros(2, 4)))
    assert combiner.state_dict() == {"groups": []}


def test_tasks_are_known_by_name(stateful: str, step: Step) -> None:
    given = {"primary": "a"} if stateful == "torchjd-pcd" else {}
    one, other = MAKE[stateful](**given), MAKE[stateful](**given)
    for index, jacobian in enumerate(jacobians(4)):
        straight = one.combine(step("ab", jacobian, index=index))
        crossed = other.combine(step("ba", jacobian.flip(0), index=index))
        assert torch.allclose(straight, crossed.flip(0))
    assert one.state_dict() == other.state_dict()


@pytest.mark.parametrize("method", ["gradvac", "pcd", "cr-mogm"])
@pytest.mark.parametrize("unit", [1e-4, 1.0])
def test_several_steps_are_torchjd_s_in_any_unit(method: str, unit: float, step: Step) -> None:
    torchjds = {
        "gradvac": aggregation.GradVac(),
        "pcd": aggregation.PCD(eps=0.0),
        "cr-mogm": aggregation.GramianWeightedAggregator(
            aggregation.CRMOGMWeighting(aggregation.MGDAWeighting())
        ),
    }
    combiner = MAKE[f"torchjd-{method}"](**({"eps": 0.0} if method == "pcd" else {}))
    for index, jacobian in enumerate(jacobians(4)):
        weights = combiner.combine(step("ab", unit * jacobian, index=index))
        expected = unit * torchjds[method](jacobian)
        assert torch.allclose(weights @ (unit * jacobian), expected, rtol=1e-5, atol=1e-7 * unit)


@pytest.mark.parametrize("unit", [1e-4, 1.0, 1e4])
def test_nash_mtl_solves_its_equation(unit: float, step: Step) -> None:
    combiner = MAKE["torchjd-nash-mtl"](max_norm=0.0)
    for index, jacobian in enumerate(jacobians(4)):
        given = step("ab", jacobian * torch.tensor([[unit], [30 * unit]]), index=index)
        weights = combiner.combine(given)
        gains = given.gramian @ weights * weights
        assert gains.tolist() == pytest.approx([1, 1], abs=1e-4)


def test_nash_mtl_uses_its_weights_again(step: Step) -> None:
    combiner = MAKE["torchjd-nash-mtl"](update_weights_every=2, max_norm=0.0)
    first, second = jacobians(2)
    weights = combiner.combine(step("ab", first))
    assert torch.equal(combiner.combine(step("ab", second, index=1)), weights)
    assert not torch.equal(combiner.combine(step("ab", second, index=2)), weights)


def test_cr_mogm_is_a_moving_average(step: Step) -> None:
    combiner = MAKE["torchjd-cr-mogm"](of="mgda", alpha=0.75)
    combiner.combine(step("ab", [[1.0, 0.0], [-1.0, 1.0]]))  # MGDA: (3/5, 2/5)
    later = combiner.combine(step("ab", [[1.0, 0.0], [0.0, 1.0]], index=1))  # (1/2, 1/2)
    assert later.tolist() == pytest.approx([0.75 * 0.6 + 0.125, 0.75 * 0.4 + 0.125])


@pytest.mark.parametrize("of", module.SMOOTHABLE)
def test_cr_mogm_s_first_step_is_the_other_method_s(of: str, step: Step) -> None:
    class_, model = module.SMOOTHABLE[of]
    given = step("ab", [[1.0, 0.5], [-1.0, 1.0]])
    expected = class_(model() if model else None).combine(given)
    given.generator.manual_seed(0)
    assert torch.allclose(MAKE["torchjd-cr-mogm"](of=of).combine(given), expected)


def test_pcd_without_its_primary_task_is_led_by_the_first(step: Step) -> None:
    combiner = MAKE["torchjd-pcd"](primary="c")
    jacobian = [[3.0, 0.0], [4.0, 4.0]]
    assert combiner.combine(step("ab", jacobian)).tolist() == pytest.approx([1, 0])
    assert combiner.combine(step("ac", jacobian)).tolist() == pytest.approx([0, 1])
