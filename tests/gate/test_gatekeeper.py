"""The gatekeeper over runs that are made up, each example right or wrong by a chance."""

import shlex
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtbench.components.registry import Registry
from mtbench.errors import NothingToCompare, RunsMissing, UsageError
from mtbench.evidence.statistics import ALPHA
from mtbench.gate import gatekeeper
from mtbench.gate.gatekeeper import Gatekeeper
from mtbench.gate.verdicts import GateReport
from mtbench.matrix.file import Overrides
from mtbench.store import PREDICTIONS, REQUEST, Store
from mtbench.study import study
from mtbench.study.plan import Plan
from mtbench.study.requests import request, versions
from mtbench.system.files import write_json

MATRIX = """
title = "a study"
seeds = 3
[base]
tasks = ["sample-sst"]
train = {{ steps = 2 }}
[axes]
combiner = ["sum", "uncertainty"]
[gate]
{gate}
"""
SUM, UNCERTAINTY = "combiner=sum", "combiner=uncertainty"
EXAMPLES = 4000
LABELS = np.arange(EXAMPLES) % 2


class Trainer:
    """In the place of training: runs of cells with an accuracy each, .8 where none is said."""

    def __init__(self) -> None:
        self.accuracies: dict[str, float] = {}
        self.failing: set[tuple[str, int]] = set()
        self.trained: list[tuple[str, int]] = []
        self.luck = 0
        self.version = "1"

    def __call__(self, plan: Plan, store: Store, *_: object, **__: object) -> None:
        for cell, run in plan.to_do():
            self.trained.append((cell.name, run.seed))
            folder = store.create(run.key)
            asked = request(cell, run, [])
            write_json(folder.path / REQUEST, {**asked, "versions": {"torch": self.version}})
            if (cell.name, run.seed) in self.failing:
                folder.end({"status": "failed", "error": "NaN"})
                continue
            generator = np.random.default_rng(
                [zlib.crc32(cell.name.encode()), run.seed, self.luck]
            )
            right = generator.random(EXAMPLES) < self.accuracies.get(cell.name, 0.8)
            predicted = np.where(right, LABELS, 1 - LABELS)
            arrays: dict[str, Any] = {}
            for task in cell.tasks:
                arrays |= {
                    f"{task}.ids": np.array([f"{i:05}" for i in range(EXAMPLES)]),
                    f"{task}.labels": LABELS,
                    f"{task}.predictions": predicted,
                }
            np.savez(folder.path / PREDICTIONS, **arrays)
            overall = float(right.mean())
            scores = {"dev": {task: {"accuracy": overall} for task in cell.tasks}}
            result = {"status": "done", "overall": overall, "scores": scores}
            folder.end(result)


@pytest.fixture
def trainer(monkeypatch: pytest.MonkeyPatch) -> Trainer:
    made = Trainer()
    for module in (study, gatekeeper):
        monkeypatch.setattr(module, "train_missing", made)
    return made


@contextmanager
def observing(total: int) -> Iterator[Any]:
    yield None


@pytest.fixture
def keeper(tmp_path: Path, trainer: Trainer) -> Callable[..., Gatekeeper]:
    """Give a function that makes a gatekeeper; each has a store of its own."""
    stores = iter(range(100))

    def make(gate: str = "", matrix: str = MATRIX, **given: Any) -> Gatekeeper:
        (tmp_path / "matrix.toml").write_text(matrix.format(gate=gate))
        store = given.pop("store", None) or Store(tmp_path / f"store{next(stores)}")
        return Gatekeeper(tmp_path, Registry.load(), store, observing, **given)

    return make


def verdicts(report: GateReport) -> dict[str, str]:
    return {one.cell: one.verdict for one in report.comparisons}


# --- check ------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["exact", "statistical"])
def test_what_did_not_change_passes(
    keeper: Callable[..., Gatekeeper], trainer: Trainer, tmp_path: Path, mode: str
) -> None:
    gate = f'mode = "{mode}"'
    assert [file.name for file in keeper(gate).update().files] == ["baseline.json", "baseline.npz"]
    assert (tmp_path / "baseline.json").is_file()

    report = keeper(gate).check()

    assert verdicts(report) == {SUM: "passed", UNCERTAINTY: "passed"}
    assert {one.reason for one in report.comparisons} == {"identical"}
    assert (report.exit_code, report.remarks, report.title) == (0, [], "a study")
    assert len(trainer.trained) == 12


@pytest.mark.parametrize("mode", ["exact", "statistical"])
def test_a_drop_is_found(keeper: Callable[..., Gatekeeper], trainer: Trainer, mode: str) -> None:
    gate = f'mode = "{mode}"\ntolerance = 0.01'
    keeper(gate).update()
    trainer.accuracies[UNCERTAINTY] = 0.7

    report = keeper(gate).check()

    assert verdicts(report) == {SUM: "passed", UNCERTAINTY: "regressed"}
    assert report.exit_code == 4


def test_another_draw_is_inconclusive(keeper: Callable[..., Gatekeeper], trainer: Trainer) -> None:
    keeper().update()
    trainer.luck = 2
    checks = keeper()
    assert verdicts(checks.check()) == {SUM: "inconclusive", UNCERTAINTY: "inconclusive"}
    assert (checks.check().exit_code, checks.check(strict=True).exit_code) == (0, 4)


def test_a_baseline_may_lie_elsewhere(
    keeper: Callable[..., Gatekeeper], trainer: Trainer, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    keeper(folder=elsewhere).update()
    assert keeper(folder=elsewhere).check().exit_code == 0
    with pytest.raises(NothingToCompare, match="there is no baseline") as caught:
        keeper().check()
    assert str(caught.value).endswith(f"(mtbench check {keeper().matrix} --update writes it)")
    place = tmp_path / "with blanks"
    with pytest.raises(NothingToCompare, match="there is no baseline") as caught:
        keeper(folder=place).check()
    assert f" --baseline {shlex.quote(str(place))} --update writes it)" in str(caught.value)


def test_nothing_is_trained_where_that_is_asked(
    keeper: Callable[..., Gatekeeper], trainer: Trainer
) -> None:
    first = keeper()
    first.update()
    report = keeper(train=False).check()
    assert (verdicts(report), report.exit_code) == ({SUM: "missing", UNCERTAINTY: "missing"}, 3)
    assert keeper(train=False, store=first.store).check().exit_code == 0
    assert len(trainer.trained) == 6


def test_a_failed_run_is_missing(keeper: Callable[..., Gatekeeper], trainer: Trainer) -> None:
    keeper().update()
    trainer.failing.add((UNCERTAINTY, 1))
    report = keeper().check()
    assert verdicts(report) == {SUM: "passed", UNCERTAINTY: "missing"}
    assert report.exit_code == 3
    assert report.comparisons[1].reason == "seed 1 failed: NaN; 1 of 3 runs have no score"


def test_some_cells_may_be_chosen(keeper: Callable[..., Gatekeeper], trainer: Trainer) -> None:
    keeper().update()
    report = keeper(expression="uncertainty").check()
    assert verdicts(report) == {UNCERTAINTY: "passed"}


def test_cells_on_one_side_only(keeper: Callable[..., Gatekeeper], trainer: Trainer) -> None:
    keeper().update()
    trainer.trained.clear()
    other = MATRIX.replace('"uncertainty"', '{{ name = "uncertainty", lr = 0.1 }}')

    report = keeper(matrix=other).check()

    assert verdicts(report) == {
        SUM: "passed",
        UNCERTAINTY: "incomparable",
        "combiner=uncertainty{lr=0.1}": "incomparable",
    }
    assert report.exit_code == 5
    assert {cell for cell, _ in trainer.trained} == {SUM}  # of the others nothing can be told


def test_a_metric_that_no_cell_has(keeper: Callable[..., Gatekeeper], trainer: Trainer) -> None:
    keeper().update()
    with pytest.raises(NothingToCompare, match="unknown metric 'sample-ssst'"):
        keeper('metrics = ["sample-ssst"]').check()
    assert len(trainer.trained) == 6


def test_one_seed_is_no_gate(keeper: Callable[..., Gatekeeper], trainer: Trainer) -> None:
    one = Overrides(seeds=1)
    with pytest.raises(NothingToCompare, match="one seed tells no change from chance"):
        keeper(overrides=one).update()
    keeper().update()
    trainer.trained.clear()
    report = keeper(overrides=one).check()
    assert (report.exit_code, trainer.trained) == (5, [])
    assert "one seed tells no change from chance" in report.comparisons[0].reason


TWO_TASKS = """
title = "a study"
seeds = 3
design = "ladder"
[base]
tasks = ["sample-sst", "sample-pd"]
train = { steps = 2 }
[[steps]]
name = "both"
[[steps]]
name = "pd"
set = { tasks = ["sample-pd"] }
[gate]
metrics = ["sample-sst"]
"""


def test_a_cell_without_a_gated_metric_is_named(
    keeper: Callable[..., Gatekeeper], trainer: Trainer, tmp_path: Path
) -> None:
    told = "1 cell is not gated, without any metric of [gate] (sample-sst): pd"
    (tmp_path / "matrix.toml").write_text(TWO_TASKS)
    first = Gatekeeper(tmp_path, Registry.load(), Store(tmp_path / "s"), observing)
    assert list(first.update().remarks) == [told]
    report = first.check()
    assert verdicts(report) == {"both": "passed"}
    assert told in report.remarks
    trainer.failing |= {("both", 0), ("pd", 0)}
    failed = replace(first, store=Store(tmp_path / "other")).check()
    assert [(one.cell, one.metric, one.verdict) for one in failed.comparisons] == [
        ("both", "sample-sst", "missing")
    ]


@pytest.mark.parametrize("given", [{"axes": {"balancer": ["cycle"]}}, {"set": {"train.steps": 3}}])
def test_an_update_writes_no_other_study(
    keeper: Callable[..., Gatekeeper], trainer: Trainer, tmp_path: Path, given: dict[str, Any]
) -> None:
    (key,) = next(iter(given.values()))
    with pytest.raises(UsageError, match=rf"leave out --axis and --set \({key}\)"):
        keeper(overrides=Overrides(**given)).update()
    assert trainer.trained == []
    assert not (tmp_path / "baseline.json").exists()
    keeper(overrides=Overrides(set={"data.dir": str(tmp_path)})).update()  # of --data


def test_stored_runs_of_other_versions_are_remarked(
    keeper: Callable[..., Gatekeeper], trainer: Trainer
) -> None:
    first = keeper()
    first.update()
    told = (
        "6 of 6 runs were stored before this call, by other versions than are installed, of "
        f"which they tell nothing: torch 1 stored, {versions()['torch']} installed"
    )
    assert list(first.check().remarks) == [told]
    assert list(keeper().check().remarks) == []  # trained now
    trainer.version = versions()["torch"]
    second = keeper()
    second.check()
    assert not any("stored before" in remark for remark in second.check().remarks)


def test_other_keys_are_remarked(keeper: Callable[..., Gatekeeper], trainer: Trainer) -> None:
    keeper().update()
    assert not any("keys" in remark for remark in keeper().check().remarks)
    other = keeper(matrix=MATRIX.replace("steps = 2", "steps = 3"), overrides=Overrides(seeds=2))
    assert list(other.check().remarks) == [
        "4 of 4 runs have other keys than in the baseline, since settings, data or source "
        f"changed: {SUM}; {UNCERTAINTY}"
    ]


def test_what_differs_beside_the_numbers_is_remarked(
    keeper: Callable[..., Gatekeeper], trainer: Trainer
) -> None:
    keeper("tolerance = 0.5").update()
    trainer.version = "2"
    assert list(keeper("tolerance = 0.1").check().remarks) == [
        "[gate] is not what it was when the baseline was written; today's is used",
        "environment: torch 1 then, 2 now",
    ]


# --- more seeds -------------------------------------------------------------------------------


def test_more_seeds_are_run_once_where_it_is_undecided(
    keeper: Callable[..., Gatekeeper], trainer: Trainer
) -> None:
    keeper("tolerance = 0.02", overrides=Overrides(seeds=8)).update()
    trainer.trained.clear()
    trainer.accuracies[UNCERTAINTY] = 0.77

    report = keeper("tolerance = 0.01", overrides=Overrides(seeds=2)).check(extend=4)

    assert verdicts(report)[SUM] == "passed"
    assert trainer.trained == [
        *((cell, seed) for cell in (SUM, UNCERTAINTY) for seed in (0, 1)),
        *((UNCERTAINTY, seed) for seed in (2, 3, 4, 5)),
    ]
    assert report.alpha == ALPHA / 2
    assert report.comparisons[1].reason == ""  # the baseline has these seeds too


def test_seeds_that_the_baseline_has_not_are_said(
    keeper: Callable[..., Gatekeeper], trainer: Trainer
) -> None:
    keeper().update()
    trainer.luck = 2
    report = keeper().check(extend=2)
    assert {one.reason for one in report.comparisons} == {
        "unpaired: seeds 0, 1, 2, 3, 4 now, 0, 1, 2 in the baseline"
    }


def test_a_verdict_of_the_first_look_stands(
    keeper: Callable[..., Gatekeeper], trainer: Trainer
) -> None:
    keeper(overrides=Overrides(seeds=4)).update()
    trainer.trained.clear()
    trainer.accuracies[UNCERTAINTY] = 0.6
    trainer.luck = 2
    report = keeper().check(extend=1)
    assert verdicts(report)[UNCERTAINTY] == "regressed"
    assert (UNCERTAINTY, 3) not in trainer.trained
    assert (SUM, 3) in trainer.trained


def test_seeds_of_the_baseline_come_first(
    keeper: Callable[..., Gatekeeper], trainer: Trainer, tmp_path: Path
) -> None:
    keeper().update()
    then = gatekeeper.baseline_files.read(tmp_path)
    assert gatekeeper.further([0, 1, 2], then, 2) == [3, 4]
    assert gatekeeper.further([5], then, 4) == [0, 1, 2, 6]


def test_the_exact_way_takes_no_more_seeds(
    keeper: Callable[..., Gatekeeper], trainer: Trainer
) -> None:
    with pytest.raises(UsageError, match="--extend"):
        keeper('mode = "exact"').check(extend=1)


def test_no_run_but_further_seeds_is_trained_again(
    keeper: Callable[..., Gatekeeper], trainer: Trainer
) -> None:
    keeper().update()
    trainer.trained.clear()
    trainer.luck = 2
    trainer.failing.add((SUM, 1))
    report = keeper().check(extend=1)
    assert verdicts(report)[SUM] == "missing"
    assert trainer.trained.count((SUM, 1)) == 1
    assert (UNCERTAINTY, 3) in trainer.trained


# --- a search ---------------------------------------------------------------------------------

SEARCH = MATRIX.replace("[base]", 'design = "staged"\n[base]') + "tolerance = 0.02\n"
SEARCH = SEARCH.replace("[gate]", '"train.lr" = [1e-3, 1e-4]\n[gate]')
FIRST = {"combiner=sum, train.lr=0.001", "combiner=uncertainty, train.lr=0.001"}
SECOND = "combiner=uncertainty, train.lr=0.0001"


@pytest.fixture
def favoured(trainer: Trainer) -> Trainer:
    """Have the first stage end with the second cell."""
    trainer.accuracies["combiner=uncertainty, train.lr=0.001"] = 0.9
    return trainer


def test_a_search_is_measured_to_its_end(
    keeper: Callable[..., Gatekeeper], favoured: Trainer
) -> None:
    keeper(matrix=SEARCH).update()
    assert {cell for cell, _ in favoured.trained} == {*FIRST, SECOND}
    favoured.trained.clear()

    report = keeper(matrix=SEARCH).check()

    assert {cell for cell, _ in favoured.trained} == {*FIRST, SECOND}
    assert verdicts(report) == dict.fromkeys([*FIRST, SECOND], "passed")


def test_a_later_stage_may_regress_alone(
    keeper: Callable[..., Gatekeeper], favoured: Trainer
) -> None:
    keeper(matrix=SEARCH).update()
    favoured.accuracies[SECOND] = 0.6
    report = keeper(matrix=SEARCH).check()
    assert verdicts(report) == {**dict.fromkeys(FIRST, "passed"), SECOND: "regressed"}


def test_cells_that_a_search_has_not_come_to(
    keeper: Callable[..., Gatekeeper], favoured: Trainer
) -> None:
    keeper(matrix=SEARCH).update()
    report = keeper(matrix=SEARCH, train=False).check()
    assert verdicts(report) == {**dict.fromkeys(FIRST, "missing"), SECOND: "incomparable"}
    assert report.exit_code == 3
    last = report.comparisons[-1]
    assert last.reason == "in the baseline, and the search has not come to it"


def test_a_search_takes_more_seeds(keeper: Callable[..., Gatekeeper], favoured: Trainer) -> None:
    keeper(matrix=SEARCH).update()
    favoured.luck = 2
    favoured.accuracies[SECOND] = 0.78
    report = keeper(matrix=SEARCH).check(extend=1)
    assert len(report.comparisons) == 3
    assert (SECOND, 3) in favoured.trained


# --- update -----------------------------------------------------------------------------------


def test_holes_replace_no_baseline(
    keeper: Callable[..., Gatekeeper], trainer: Trainer, tmp_path: Path
) -> None:
    keeper().update()
    before = (tmp_path / "baseline.json").read_bytes()
    trainer.failing.add((SUM, 0))
    with pytest.raises(RunsMissing, match="1 of 6 runs have no score"):
        keeper().update()
    with pytest.raises(UsageError, match="-k"):
        keeper(expression="sum").update()
    assert (tmp_path / "baseline.json").read_bytes() == before


def test_a_baseline_may_have_more_seeds_than_the_matrix(
    keeper: Callable[..., Gatekeeper], trainer: Trainer
) -> None:
    keeper(overrides=Overrides(seeds=5)).update()
    assert keeper().check().exit_code == 0
    report = keeper('mode = "exact"').check()
    assert report.exit_code == 5
    assert "other seeds 0, 1, 2 now, 0, 1, 2, 3, 4" in report.comparisons[0].reason
