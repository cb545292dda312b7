import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from mtbench.bench import bench as bench_module
from mtbench.bench.bench import DEFAULT, MOST, WARM_UP, bench, check_complete
from mtbench.components.registry import Registry
from mtbench.errors import NothingToCompare, PluginError, RunsMissing, UsageError
from mtbench.matrix.configuration import overlay
from mtbench.matrix.file import NamedCell
from mtbench.store import Store
from mtbench.store.timings import read_timings
from mtbench.study.plan import Plan, PlannedCell
from mtbench.study.planner import Planner
from mtbench.study.requests import machine
from mtbench.study.setup import Setup
from mtbench.study.study import Session
from mtbench.study.timings import Bench, MeasuredCell, store_timings

COMBINERS = '''
"""Combiners that note when they are asked, and one that goes wrong in a certain step."""

import os
import signal
from pathlib import Path

import torch

from mtbench.api import CombinerSpec, hookimpl

NOTES = Path(__file__).with_name("notes")


class A:
    def __init__(self, parameters):
        self.steps = 0

    def combine(self, x):
        self.steps += 1
        with NOTES.open("a") as file:
            file.write(f"{type(self).__name__} {self.steps} {os.getpid()}\\n")
        return torch.ones_like(x.losses)


class B(A):
    pass


class Wrong(A):
    def combine(self, x):
        if self.steps == 3:
            raise ValueError("too far")
        return super().combine(x)


class Killed(A):
    def combine(self, x):
        if self.steps == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().combine(x)


@hookimpl
def mtbench_combiners():
    for name in ("A", "B", "Wrong", "Killed"):
        target = f"noting_combiners:{name}"
        yield CombinerSpec(name=name.lower(), summary="Notes.", target=target, needs="losses")
'''


@pytest.fixture
def plugin(tmp_path: Path, new_modules: None) -> Path:
    file = tmp_path / "noting_combiners.py"
    file.write_text(COMBINERS)
    return file


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def planned(store: Store, plugin: Path, small: dict[str, Any]) -> Callable[..., Plan]:
    """Give a function that plans small cells, one a combiner."""

    def plan(*combiners: str, **changes: Any) -> Plan:
        cells = [
            NamedCell(name, overlay(small, {"combiner": name, **changes})) for name in combiners
        ]
        return Planner(Registry.load([plugin]), store).plan("a bench", cells, [3, 4])

    return plan


@pytest.fixture
def setup(store: Store, plugin: Path) -> Setup:
    return Setup(store=store, plugins=plugin, device="cpu")


def notes(plugin: Path) -> list[list[str]]:
    return [line.split() for line in plugin.with_name("notes").read_text().splitlines()]


# --- cells in turn ----------------------------------------------------------------------------


def test_two_cells_take_their_steps_in_turn(
    planned: Callable[..., Plan], setup: Setup, plugin: Path
) -> None:
    said: list[str] = []

    result = bench(planned("a", "b"), setup, 2, said.append)

    taken = [(name, int(step)) for name, step, _ in notes(plugin)]
    assert taken == [(name, n) for n in range(1, WARM_UP + 2 + 1) for name in "AB"]
    assert len({process for _, _, process in notes(plugin)} - {str(os.getpid())}) == 2
    assert said == ["a: starting", "b: starting", "measuring, 3 + 2 steps a cell"]
    assert (result.title, result.steps, result.machine) == ("a bench", 2, machine())
    assert [cell.status for cell in result.cells] == ["done", "done"]
    for cell in result.cells:
        assert cell.timing is not None
        assert cell.timing.step_ms_median > 0
        assert cell.timing.run_steps == 3  # fewer than were taken
    check_complete(result)


def test_timings_can_be_stored_and_no_runs_are(
    planned: Callable[..., Plan], setup: Setup, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    environment = bench_module.environment

    def noted(threads: int) -> dict[str, str]:
        asked.append(threads)
        return environment(threads)

    monkeypatch.setattr(bench_module, "environment", noted)
    plan = planned("a", **{"train.threads": 2})

    result = bench(plan, setup, 1, lambda line: None)

    assert asked == [2]  # the process has the threads of its cell
    assert read_timings(store) == {}  # they are shown first
    store_timings(store, result, [cell.identified for cell in plan.cells])
    (cell,) = result.cells
    (stored,) = read_timings(store).values()
    assert (stored.identity, stored.machine) == (plan.cells[0].identity, machine())
    assert stored.device == {"type": "cpu"}
    assert cell.timing is not None
    assert stored.timing.model_dump() == vars(cell.timing)
    assert store.keys() == set()


def test_a_failing_cell_fails_alone(
    planned: Callable[..., Plan], setup: Setup, plugin: Path
) -> None:
    result = bench(planned("wrong", "killed", "a"), setup, 2, lambda line: None)

    wrong, killed, well = result.cells
    assert (wrong.status, killed.status, well.status) == ("failed", "failed", "done")
    assert wrong.error is not None
    assert wrong.error.startswith("combiner 'wrong' of noting_combiners.py: ValueError: too far (")
    assert "Traceback" in wrong.log
    assert killed.error is not None
    assert killed.error.startswith("the cell's process was ended by signal 9 (SIGKILL) and left ")
    assert [name for name, *_ in notes(plugin)].count("A") == WARM_UP + 2
    with pytest.raises(RunsMissing, match="2 of 3 cells failed"):
        check_complete(result)


def test_a_broken_cell_is_listed_and_starts_no_process(
    planned: Callable[..., Plan], setup: Setup
) -> None:
    plan = planned("a")
    broken = PlannedCell(NamedCell("x", {}), None, [], "combiner 'x' of y: z")
    said: list[str] = []

    result = bench(replace(plan, cells=[broken, *plan.cells]), setup, 1, said.append)

    assert [(cell.name, cell.status) for cell in result.cells] == [("x", "broken"), ("a", "done")]
    assert said[0] == "a: starting"
    with pytest.raises(PluginError, match=r"^1 of 2 cells is broken: combiner 'x' of y: z$"):
        check_complete(result)


def test_rejected_cells_are_listed_in_their_place(
    planned: Callable[..., Plan], setup: Setup
) -> None:
    plan = planned("pcgrad", "a", **{"encoder.mode": "frozen"})

    result = bench(plan, setup, 1, lambda line: None)

    assert [(cell.name, cell.status) for cell in result.cells] == [
        ("pcgrad", "rejected"),
        ("a", "done"),
    ]
    assert result.cells[0].rejection == plan.cells[0].rejection
    check_complete(result)


def test_where_every_cell_is_rejected_nothing_is_started(
    planned: Callable[..., Plan], setup: Setup
) -> None:
    lines: list[str] = []

    result = bench(planned("pcgrad", **{"encoder.mode": "frozen"}), setup, 1, lines.append)

    assert lines == []
    with pytest.raises(NothingToCompare, match="every cell was rejected"):
        check_complete(result)


def test_too_many_cells_are_refused(
    planned: Callable[..., Plan], setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_module, "MOST", 1)

    with pytest.raises(UsageError, match=r"bench: 2 cells.* at most 1 of them with -k"):
        bench(planned("a", "b"), setup, 1, lambda line: None)


def test_a_store_that_cannot_be_written_is_told_before_anything_starts(
    planned: Callable[..., Plan], setup: Setup, store: Store, plugin: Path
) -> None:
    plan = planned("a")
    store.root.mkdir(exist_ok=True)
    store.timings.write_text("a file")

    with pytest.raises(UsageError, match="cannot be written"):
        bench(plan, setup, 1, lambda line: None)

    assert not plugin.with_name("notes").exists()


def test_an_interrupt_ends_every_process(
    planned: Callable[..., Plan], setup: Setup, store: Store
) -> None:
    before = psutil.Process().children()
    started: list[psutil.Process] = []

    def interrupt(line: str) -> None:
        if line == "b: starting":
            started.extend(set(psutil.Process().children()) - set(before))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench(planned("a", "b"), setup, 1, interrupt)

    assert [process.is_running() for process in started] == [False]
    assert read_timings(store) == {}


# --- what is measured by default --------------------------------------------------------------


def test_the_default_is_a_plan_that_needs_no_file(store: Store) -> None:
    plan = Session(Setup(DEFAULT, store=store, device="cpu")).plan()

    assert [cell.name for cell in plan.cells] == ["combiner=sum", "combiner=pcgrad"]
    assert [cell.rejection for cell in plan.cells] == [None, None]
    assert list(plan.cells[0].tasks) == ["sample-sst", "sample-pd", "sample-sts"]
    assert plan.cells[0].config["encoder"]["name"] == "tiny"
    assert len(plan.cells) <= MOST


def test_a_failed_cell_counts_among_those_that_can_be() -> None:
    cells = [MeasuredCell("a", {}, error="no"), MeasuredCell("b", {}, rejection="no")]

    with pytest.raises(RunsMissing, match="1 of 1 cells failed; the table says why"):
        check_complete(Bench("", {}, {}, {}, 1, cells))
