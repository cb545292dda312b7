import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mtbench.store import Identity, StoredTiming, TimedRun
from mtbench.study.cost_relatives import Breakdown, CostRelatives, Family, mean

Make = Callable[..., Any]

RUN = Breakdown(starting=2.0, training=50.0, evaluation=8.0, steps=100, evaluations=4)


def identity(**changes: Any) -> Identity:
    """Return an identity with some of its settings changed, named as in a matrix."""
    config: dict[str, Any] = {
        "encoder": {"name": "minbert", "layers": 2, "width": 64},
        "balancer": {"name": "cycle"},
        "combiner": {"name": "sum"},
        "heads": {"sst": {"name": "linear"}},
        "tasks": {"sst": {"name": "sst"}, "sts": {"name": "sts"}},
        "train": {"lr": 0.1, "batch_size": 8, "steps": 100, "epochs": None, "evaluations": 4},
        "data": {"fraction": 1.0, "train_sample": 500},
    }
    for key, value in changes.items():
        section, _, name = key.partition("__")
        if name:
            config[section] = {**config[section], name: value}
        else:
            config[section] = value
    data = {"sst": {"train": "a", "dev": "b"}}
    order = [*config["tasks"]]
    return Identity(
        numerics=2, device="cpu", config=config, task_order=order, data=data, weights="w", code={}
    )


def family(name: str, **changes: Any) -> Family:
    return Family(name, identity(**changes), [RUN])


def nearest(*families: Family, **changes: Any) -> tuple[str, list[str]]:
    found = CostRelatives(families).nearest(identity(**changes))
    assert found is not None
    return found.relative, list(found.differs)


def test_a_stored_run_is_taken_apart(a_result: Make) -> None:
    spent = a_result().cost.model_dump() | {"steps": 100}
    spent["seconds"] = {"total": 60.0, "training": 50.0, "evaluation": 8.0, "computing": 40.0}

    assert Breakdown.of_result(a_result(cost=spent, evaluations=4)) == RUN
    assert RUN.seconds == 60.0
    assert RUN.times(2.0) == Breakdown(4.0, 100.0, 16.0, 100, 4)
    assert mean([RUN, RUN.times(3.0)]) == RUN.times(2.0)


@pytest.mark.parametrize(("evaluations", "made"), [(4, 4), (999, 100)])
def test_a_timing_is_taken_apart(evaluations: int, made: int) -> None:
    timing = StoredTiming(
        cell="a",
        config={},
        identity=identity(train__evaluations=evaluations),
        machine={},
        device={},
        versions={},
        steps=1,
        timing=TimedRun(run_s=60.0, loading_s=2.0, evaluation_s=8.0, run_steps=100),
    )

    assert Breakdown.of_timing(timing) == replace(RUN, evaluations=made)


@pytest.mark.parametrize(
    ("then", "now", "scaled"),
    [
        ({}, {}, RUN),
        ({}, {"train__steps": 10}, Breakdown(2.0, 5.0, 8.0, 10, 4)),
        ({}, {"train__steps": 2}, Breakdown(2.0, 1.0, 4.0, 2, 2)),
        ({}, {"train__evaluations": 1}, Breakdown(2.0, 50.0, 2.0, 100, 1)),
        ({}, {"train__batch_size": 32}, Breakdown(2.0, 200.0, 8.0, 100, 4)),
        ({}, {"train__batch_size": {"sst": 4, "sts": 8}}, Breakdown(2.0, 37.5, 8.0, 100, 4)),
        ({}, {"data__fraction": 0.1}, RUN),
    ],
)
def test_a_breakdown_is_scaled(
    then: dict[str, Any], now: dict[str, Any], scaled: Breakdown
) -> None:
    found = RUN.scaled(identity(**then).config, identity(**now).config)
    assert found == scaled


@pytest.mark.parametrize(
    ("now", "steps", "training"),
    [
        ({"train__epochs": 6}, 300, 150.0),
        ({"train__epochs": 2, "data__fraction": 0.5}, 50, 25.0),
        ({"train__epochs": 2, "train__batch_size": 16}, 50, 50.0),
    ],
)
def test_epochs_are_scaled_to_steps(now: dict[str, Any], steps: float, training: float) -> None:
    two = identity(train__epochs=2, train__steps=None)
    more = identity(train__steps=None, **now)

    found = RUN.scaled(two.config, more.config)

    assert (found.steps, found.training) == (pytest.approx(steps), pytest.approx(training))


def test_the_fewest_parts_that_differ_decide() -> None:
    two = family("two parts", combiner={"name": "pcgrad"}, balancer={"name": "single"})
    one = family("one part", encoder={"name": "other", "x": 1, "y": 2, "z": 3})

    assert nearest(two, one) == ("one part", ["encoder"])


def test_of_equals_the_fewest_parameters_in_them() -> None:
    far = family("far", encoder={"name": "tiny"})
    near = family("near", encoder__width=128)

    assert nearest(far, near) == ("near", ["encoder"])


def test_what_can_be_scaled_counts_less_than_what_cannot() -> None:
    rough = family("rough", combiner={"name": "pcgrad"})
    scaled = family("scaled", train__steps=7, train__evaluations=2, data__fraction=0.5)

    assert nearest(rough, scaled) == (
        "scaled",
        ["train.steps", "train.evaluations", "data.fraction"],
    )


def test_a_run_tells_more_than_a_timing() -> None:
    timed = Family("timed", identity(combiner={"name": "rlw"}), timings=[RUN])

    assert nearest(timed, family("trained", combiner={"name": "famo"}))[0] == "trained"


def test_a_parameter_that_no_family_has_is_a_difference() -> None:
    assert nearest(
        family("other", balancer={"name": "single"}),
        family("bare"),
        balancer={"name": "cycle", "group": 2},
    ) == ("bare", ["balancer"])


def test_heads_and_what_is_cheap_are_no_difference() -> None:
    changed = {"heads": {"sst": {"name": "mlp"}}, "train__lr": 0.2, "train__steps": 10}
    assert nearest(family("a"), **changed) == ("a", ["train.steps"])


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"tasks": {"sst": {"name": "sst"}}}, "tasks"),
        ({"train__batch_size": 4}, "train.batch_size"),
        ({"train__precision": "bfloat16"}, "train.precision"),
        ({"data__train_sample": 10}, "data.train_sample"),
    ],
)
def test_the_grade_and_what_differs(changes: dict[str, Any], part: str) -> None:
    found = CostRelatives([family("a")]).nearest(identity(**changes))

    assert found is not None
    assert (found.grade, found.differs) == ("rough", (part,))


def test_an_epoch_cannot_be_reckoned_from_steps() -> None:
    epochs = {"train__epochs": 2, "train__steps": None}
    steps, also = family("steps"), family("epochs", **epochs, combiner={"name": "pcgrad"})

    assert CostRelatives([steps]).nearest(identity(**epochs)) is None
    assert nearest(steps, also, **epochs) == ("epochs", ["combiner"])
    assert nearest(also, train__steps=50)[0] == "epochs"


def test_a_plan_imports_no_numpy_before_it_has_relatives() -> None:
    script = "import sys, mtbench.study; print('numpy' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert done.stdout == "False\n"
