"""Every check of a balancer catches one that is broken in just that way."""

import random
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mtbench.components.entries import Entry, Provider
from mtbench.components.registry import Registry
from mtbench.specs import BalancerSpec
from mtbench.testing.balancers import check as checks
from mtbench.testing.checks import Check, CheckFailed, Subject
from mtbench.testing.conformance import check_component

Sizes = Mapping[str, int]


class Sound:
    """A batch of every task a step, until each has been seen; the wrong ones differ in one way."""

    def __init__(self, parameters: object) -> None: ...

    def steps(
        self, sizes: Sizes, batch_sizes: Sizes, progress: float, rng: random.Random
    ) -> Iterator[Any]:
        left = dict(sizes)
        while any(left.values()):
            step = {task: min(left[task], batch_sizes[task]) for task in sizes if left[task]}
            for task, count in step.items():
                left[task] -= count
            yield step


class Empty(Sound):
    def steps(self, *_: Any) -> Iterator[Any]:
        return iter(())


class Endless(Sound):
    def steps(self, *given: Any) -> Iterator[Any]:
        while True:
            yield from super().steps(*given)


class EmptyStep(Sound):
    def steps(self, *given: Any) -> Iterator[Any]:
        yield from super().steps(*given)
        yield {}


class Stranger(Sound):
    def steps(self, *given: Any) -> Iterator[Any]:
        yield {"nli": 1}


class NothingOf(Sound):
    def steps(self, *given: Any) -> Iterator[Any]:
        yield {"sst": 4, "pd": 0}


class Fractions(Sound):
    def steps(self, *given: Any) -> Iterator[Any]:
        for step in super().steps(*given):
            yield {task: count / 2 for task, count in step.items()}


class DropsTheLast(Sound):
    """The partial batch at the end of a task is left out."""

    def steps(self, sizes: Sizes, batch_sizes: Sizes, *_: Any) -> Iterator[Any]:
        for task, size in sizes.items():
            for _i in range(size // batch_sizes[task]):
                yield {task: batch_sizes[task]}


class FillsTheLast(Sound):
    def steps(self, sizes: Sizes, batch_sizes: Sizes, *_: Any) -> Iterator[Any]:
        for task, size in sizes.items():
            for _i in range(-(-size // batch_sizes[task])):
                yield {task: batch_sizes[task]}


class OnlyTheLargest(Sound):
    def steps(self, sizes: Sizes, batch_sizes: Sizes, *_: Any) -> Iterator[Any]:
        task = max(sizes, key=sizes.__getitem__)
        yield {task: batch_sizes[task]}


class AllAtOnce(Sound):
    def steps(self, sizes: Sizes, *_: Any) -> Iterator[Any]:
        yield dict(sizes)


class Always32(Sound):
    def steps(self, sizes: Sizes, *_: Any) -> Iterator[Any]:
        yield dict.fromkeys(sizes, 32)


class InPairs(Sound):
    def steps(self, sizes: Sizes, batch_sizes: Sizes, *_: Any) -> Iterator[Any]:
        first, second, *_rest = sizes
        yield {first: batch_sizes[first], second: batch_sizes[second]}


class HalfABatch(Sound):
    def steps(self, sizes: Sizes, batch_sizes: Sizes, *_: Any) -> Iterator[Any]:
        yield {task: min(size // 2, batch_sizes[task]) for task, size in sizes.items()}


class ByTheSmallest(Sound):
    """As many examples of every task as the smallest has, in tens: too few where that has one."""

    def steps(self, sizes: Sizes, batch_sizes: Sizes, *_: Any) -> Iterator[Any]:
        for _i in range(min(sizes.values()) // 7):
            yield dict(batch_sizes)


class OneEpoch(Sound):
    def __init__(self, parameters: object) -> None:
        self.left = 2

    def steps(self, *given: Any) -> Iterator[Any]:
        self.left -= 1
        return super().steps(*given) if self.left >= 0 else iter(())


class OwnSeed(Sound):
    def steps(self, sizes: Sizes, batch_sizes: Sizes, *_: Any) -> Iterator[Any]:
        generator = random.Random()
        for _i in range(50):
            task = generator.choice(list(sizes))
            yield {task: batch_sizes[task]}


class SharedState(Sound):
    turns = 0

    def steps(self, sizes: Sizes, batch_sizes: Sizes, *_: Any) -> Iterator[Any]:
        SharedState.turns = 0
        while SharedState.turns < 10:
            SharedState.turns += 1
            task = list(sizes)[SharedState.turns % len(sizes)]
            yield {task: batch_sizes[task]}


class UsesUpSizes(Sound):
    def steps(self, sizes: Any, *given: Any) -> Iterator[Any]:
        for step in super().steps(sizes, *given):
            sizes["sst"] -= step.get("sst", 0)
            yield step


class MendsBatchSizes(Sound):
    def steps(self, sizes: Sizes, batch_sizes: Any, *given: Any) -> Iterator[Any]:
        yield from super().steps(sizes, batch_sizes, *given)
        batch_sizes["pd"] = 1


class Drawing(Sound):
    """Draws the task of a step with one of the global generators."""

    def draw(self, count: int) -> int:
        raise NotImplementedError

    def steps(self, sizes: Sizes, batch_sizes: Sizes, *_: Any) -> Iterator[Any]:
        for _i in range(50):
            task = list(sizes)[self.draw(len(sizes))]
            yield {task: batch_sizes[task]}


class DrawsFromPython(Drawing):
    def draw(self, count: int) -> int:
        return random.randrange(count)


class DrawsFromNumpy(Drawing):
    def draw(self, count: int) -> int:
        return int(np.random.randint(count))


class DrawsFromTorch(Drawing):
    def draw(self, count: int) -> int:
        return int(torch.randint(count, ()))


class PutsBack(Drawing):
    def draw(self, count: int) -> int:
        state = random.getstate()
        drawn = random.randrange(count)
        random.setstate(state)
        return drawn


class Told(Sound):
    """Gives only one task where it is told of the budget that is named."""

    only: str | None = None

    def begin(self, *, steps: int | None, epochs: int | None) -> None:
        self.alone = {"steps": steps, "epochs": epochs}.get(self.only or "") is not None

    def steps(self, sizes: Sizes, *given: Any) -> Iterator[Any]:
        task = next(iter(sizes))
        yield from super().steps({task: sizes[task]} if self.alone else sizes, *given)


class StarvesWithEpochs(Told):
    only = "epochs"


class StarvesWithSteps(Told):
    only = "steps"


class TakesOtherWords(Told):
    def begin(self, total: int) -> None:  # type: ignore[override]
        ...


class TakesStepsAlone(Told):
    def begin(self, *, steps: int | None, epochs: int | None) -> None:
        self.share = 1 / steps  # type: ignore[operator]


class NoneInOneEpoch(Told):
    def begin(self, *, steps: int | None, epochs: int | None) -> None:
        self.none = epochs == 1

    def steps(self, *given: Any) -> Iterator[Any]:
        return iter(()) if self.none else Sound.steps(self, *given)


class LaidOut(Sound):
    def steps(self, *given: Any) -> Iterator[Any]:
        return iter(list(super().steps(*given)))


def subject(target: Any, **spec: Any) -> Subject:
    made = BalancerSpec(name="broken", summary="s", target=target, **spec)
    return Subject.of(Entry(made, Provider("here", "", "here")))


def named(name: str) -> Check:
    (check,) = [check for check in checks.all if check.name == name]
    return check


def failure(name: str, of: Subject) -> str:
    check = named(name)
    assert check.inapplicable(of) is None
    with pytest.raises(CheckFailed) as failed:
        check.function(of)
    return str(failed.value)


BROKEN = [
    ("has-a-step", Empty, "expected at least one step an epoch; came none"),
    ("ends", Endless, "expected an epoch that ends; came more than 100000 steps of 70 examples"),
    ("steps-are-sound", Empty, "expected at least one step an epoch; came none"),
    ("steps-are-sound", EmptyStep, "expected examples in every step; came none in step 6"),
    (
        "steps-are-sound",
        Stranger,
        "expected tasks among pd, sst, sts; came 1 of 'nli' in step 0",
    ),
    (
        "steps-are-sound",
        NothingOf,
        "expected counts of 1 or more, each an int; came 0 of 'pd' in step 0",
    ),
    (
        "steps-are-sound",
        Fractions,
        "expected counts of 1 or more, each an int; came 2.0 of 'sst' in step 0",
    ),
    (
        "starves-no-task",
        OnlyTheLargest,
        "expected examples of every task within 10 epochs; came none of sst, sts",
    ),
    (
        "respects-batch-sizes",
        AllAtOnce,
        "expected at most 64 batches of 1 in a step; came 1000 examples of a task",
    ),
    (
        "respects-batch-sizes",
        Always32,
        "expected larger steps with batches of 64 than of 1; came 32 and 32 examples",
    ),
    (
        "works-with-one-example",
        HalfABatch,
        "expected counts of 1 or more, each an int; came 0 of 'sst' in step 0",
    ),
    (
        "works-with-unequal-sizes",
        ByTheSmallest,
        "expected at least one step an epoch; came none",
    ),
    ("goes-on", OneEpoch, "expected at least one step an epoch; came none"),
    (
        "leaves-its-input-alone",
        UsesUpSizes,
        "expected sizes to stay {'sst': 23, 'pd': 40, 'sts': 7}; "
        "came {'sst': 19, 'pd': 40, 'sts': 7}",
    ),
    (
        "leaves-its-input-alone",
        MendsBatchSizes,
        "expected batch sizes to stay {'sst': 4, 'pd': 8, 'sts': 3}; "
        "came {'sst': 4, 'pd': 1, 'sts': 3}",
    ),
    *(
        (
            "uses-its-own-generator",
            target,
            f"expected the global generators as they were; came another state of {whose}",
        )
        for target, whose in (
            (DrawsFromPython, "Python's"),
            (DrawsFromNumpy, "numpy's"),
            (DrawsFromTorch, "torch's"),
        )
    ),
]


@pytest.mark.parametrize(("name", "target", "message"), BROKEN)
def test_what_is_broken_is_caught(name: str, target: Any, message: str) -> None:
    assert failure(name, subject(target)) == message


@pytest.mark.parametrize(
    ("name", "target", "message"),
    [
        ("same-seed-same-steps", OwnSeed, "expected the same steps from the same seed in epoch 0"),
        ("uses-its-own-generator", PutsBack, "expected the same steps whatever the global"),
        ("instances-are-independent", SharedState, "expected the same steps beside another"),
        ("is-lazy", LaidOut, "expected the first step of 3 x 1,000,000 examples within 256 KiB"),
    ],
)
def test_what_comes_is_said_too(name: str, target: Any, message: str) -> None:
    expected, came = failure(name, subject(target)).split("; came ")
    assert expected.startswith(message)
    assert came


def test_one_task_is_not_enough() -> None:
    with pytest.raises(ValueError, match="not enough values"):
        named("works-with-one-task").function(subject(InPairs))


def test_promises_are_held() -> None:
    promised = subject(DropsTheLast, promises=frozenset({"covers", "exact"}))
    assert failure("covers", promised) == (
        "expected at least 23 examples of 'sst' an epoch; came 20"
    )
    assert failure("exact", promised) == "expected 23 examples of 'sst' an epoch; came 20"
    filled = subject(FillsTheLast, promises=frozenset({"exact"}))
    assert failure("exact", filled) == "expected 23 examples of 'sst' an epoch; came 24"


@pytest.mark.parametrize("target", [StarvesWithEpochs, StarvesWithSteps])
def test_a_balancer_is_told_of_either_budget(target: Any) -> None:
    of = subject(target, promises=frozenset({"covers", "exact"}))
    assert failure("covers", of) == "expected at least 40 examples of 'pd' an epoch; came 0"
    assert failure("exact", of) == "expected 40 examples of 'pd' an epoch; came 0"
    assert failure("starves-no-task", of) == (
        "expected examples of every task within 10 epochs; came none of pd, sts"
    )


def test_a_balancer_without_begin_need_not_take_a_budget() -> None:
    check = named("takes-either-budget")
    assert check.inapplicable(subject(Sound)) == "it has no begin"
    assert check.inapplicable(subject(Told)) is None
    check.function(subject(Told))
    assert failure("takes-either-budget", subject(NoneInOneEpoch)) == (
        "expected at least one step an epoch; came none"
    )


@pytest.mark.parametrize("target", [TakesOtherWords, TakesStepsAlone])
def test_begin_takes_steps_and_epochs(target: Any) -> None:
    with pytest.raises(TypeError):
        named("takes-either-budget").function(subject(target))


def test_a_reason_is_a_line() -> None:
    mute = subject(Sound, rejects=lambda cell: cell.balancer.name != "broken")
    assert failure("rejects-with-a-reason", mute) == (
        "expected rejects to give a reason in one line, or None; came False"
    )


# --- in a process of its own --------------------------------------------------------------------

SOURCE = """
from mtbench.api import BalancerSpec, hookimpl
{imported}

class Mine:
    def __init__(self, parameters):
        pass

    def steps(self, sizes, batch_sizes, progress, rng):
        {first}
        order = {order}
        while any(left.values()):
            step = {{t: min(left[t], batch_sizes[t]) for t in order if left[t]}}
            for t, n in step.items():
                left[t] -= n
            for t in step:
                yield {{t: step[t]}}

@hookimpl
def mtbench_balancers():
    promises = frozenset({{"covers", "exact"}})
    return [BalancerSpec(name="mine", summary="s", target={target}, promises=promises)]
"""


def mine(folder: Path, imported: str = "", first: str = "", order: str = "sizes") -> Entry:
    """Return a balancer that is written to a file."""
    file = folder / "mine_balancer.py"
    first = f"{first}; left = dict(sizes)" if first else "left = dict(sizes)"
    target = '"mine_balancer:Mine"' if first.startswith("import") else "Mine"
    file.write_text(SOURCE.format(imported=imported, first=first, order=order, target=target))
    return Registry.load([file]).find("balancer", "mine")


def test_what_is_sound_passes(tmp_path: Path, new_modules: None) -> None:
    outcomes = {o.check.name: o.status for o in check_component(mine(tmp_path))}
    assert len(outcomes) == len(checks.all)
    for silent in ("rejects-with-a-reason", "takes-either-budget"):
        assert outcomes.pop(silent) == "not applicable"
    assert set(outcomes.values()) == {"passed"}


def test_torch_is_noticed(tmp_path: Path, new_modules: None) -> None:
    assert failure("needs-no-torch", Subject.of(mine(tmp_path, first="import torch"))) == (
        "expected no import of torch; came one, for its first step"
    )


def test_torch_of_the_module_that_is_listed_is_not_the_balancers(
    tmp_path: Path, new_modules: None
) -> None:
    made = Subject.of(mine(tmp_path, imported="import torch"))
    assert named("needs-no-torch").inapplicable(made) == (
        "the module of its hook imports torch, which listing imports"
    )


def test_a_balancer_is_told_of_its_budget_in_another_process(
    tmp_path: Path, new_modules: None
) -> None:
    mine(tmp_path, first="assert self.told == (None, 10)")
    file = tmp_path / "mine_balancer.py"
    begin = "    def begin(self, *, steps, epochs):\n        self.told = (steps, epochs)\n\n"
    file.write_text(file.read_text().replace("    def steps", begin + "    def steps"))
    sys.modules.pop(file.stem)
    of = Subject.of(Registry.load([file]).find("balancer", "mine"))
    named("same-steps-in-every-process").function(of)
    named("needs-no-torch").function(of)


def test_the_order_of_a_set_is_noticed(tmp_path: Path, new_modules: None) -> None:
    entry = mine(tmp_path, order="set(sizes)")
    failures = {o.check.name: o.message for o in check_component(entry) if o.status == "failed"}
    assert list(failures) == ["same-steps-in-every-process"]
    assert failures["same-steps-in-every-process"].startswith(
        "expected the same steps in every process; came {"
    )


def test_what_no_process_can_build(tmp_path: Path, new_modules: None) -> None:
    class Local(Sound): ...

    expected, came = failure("needs-no-torch", subject(Local)).split("; came ")
    assert expected == "expected a target that a new process can import"
    assert came.startswith("AttributeError: Can't pickle local object")


def test_every_check_is_tried() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert [check.name for check in checks.all if f'"{check.name}"' not in source] == []
