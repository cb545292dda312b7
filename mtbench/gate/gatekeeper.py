"""The gatekeeper: trains what a study lacks, and holds it against the study's baseline."""

from __future__ import annotations

import shlex
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from mtbench.errors import NothingToCompare, RunsMissing, UsageError
from mtbench.evidence.outcomes import OVERALL, readable
from mtbench.evidence.statistics import ALPHA
from mtbench.gate import baseline_files
from mtbench.gate.baseline import Baseline, current, measured
from mtbench.gate.obstacles import both_sides, missing, obstacles, own_metrics
from mtbench.gate.regression import compare, gated, unfit_seeds
from mtbench.gate.remarks import remarks, undefined, unmeasured
from mtbench.gate.verdicts import Comparison, GateReport
from mtbench.matrix.filtering import name_filter
from mtbench.matrix.gating import Gate
from mtbench.matrix.locations import file_of
from mtbench.matrix.origin import origin, other_matrix
from mtbench.study.plan import Plan, PlannedCell, planned_runs
from mtbench.study.setup import Setup
from mtbench.study.study import Barring, Observing, Session, train_missing


class Written(NamedTuple):
    """A baseline's files, and what is to be known of it."""

    files: Sequence[Path]
    remarks: Sequence[str]


@dataclass(frozen=True)
class Gatekeeper:
    """Holds a study against its baseline.

    Attributes:
        setup: the study.
        observing, jobs: as for ``train_missing``.
        baseline: its folder; None for that of the matrix.
        train: whether what is not stored is trained.

    Raises:
        UsageError: if the matrix is no file, beside which a baseline could lie.
    """

    setup: Setup
    observing: Observing
    baseline: Path | None = None
    jobs: int | None = None
    train: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.setup.matrix, Path):
            raise UsageError("matrix: a check needs a file, beside which its baseline lies")

    @property
    def file(self) -> Path:
        """The matrix file, or the folder of that."""
        assert isinstance(self.setup.matrix, Path)
        return self.setup.matrix

    @property
    def place(self) -> Path:
        """The folder of the baseline."""
        return self.baseline or file_of(self.file).parent

    def check(self, *, strict: bool = False, extend: int = 0) -> GateReport:
        """Hold the study against its baseline.

        Arguments and errors are those of ``Study.check``. With ``extend``, each of the two looks
        gives half as many false alarms.
        """
        session = Session(self.setup)
        matrix = session.matrix
        if extend and matrix.gate.mode == "exact":
            raise UsageError('--extend: more seeds belong to [gate] mode = "statistical"')
        alpha = ALPHA / 2 if extend else ALPHA
        then = self._chosen(self._baseline())
        before = self._stored()
        plan = session.plan()
        matrix.gate.check_known(_metrics(plan, then))
        if self.train:
            plan = self._trained(session, plan, lambda plan: obstacles(plan, then, matrix.gate))
        comparisons = look(plan, then, matrix.gate, alpha)
        undecided = {comparison.cell for comparison in comparisons if _undecided(comparison)}
        if extend and undecided:
            plan = self._extended(plan, then, undecided, extend)
            again = look(plan, then, matrix.gate, alpha)
            pairs = zip(comparisons, again, strict=True)
            comparisons = [new if _undecided(old) else old for old, new in pairs]
        other = other_matrix(then.matrix_file, self.file, self.place)
        notes = list(remarks(plan, then, matrix.gate, before, other=other))
        return GateReport(plan.title, matrix.gate.mode, strict, alpha, comparisons, notes)

    def _baseline(self) -> Baseline:
        """Read the baseline, or say which command writes it."""
        try:
            return baseline_files.read(self.place)
        except NothingToCompare as error:
            elsewhere = [] if self.baseline is None else ["--baseline", str(self.baseline)]
            command = ["mtbench", "check", str(self.file), *elsewhere, "--update"]
            raise NothingToCompare(f"{error} ({shlex.join(command)} writes it)") from None

    def update(self) -> Written:
        """Write the baseline anew.

        Raises:
            UsageError: if something does not fit, only some cells are chosen, settings or axes
                would make them another study's, or another matrix' baseline lies there.
            NothingToCompare: if no gated metric is defined, or there is one seed, for the
                statistical way.
            RunsMissing: if a run failed or is missing.
            PluginError: if a plugin is broken.
        """
        if self.setup.cells is not None:
            raise UsageError(
                "-k: --update writes all cells of a matrix, or those left out would be lost"
            )
        laid_over = {*self.setup.axes, *self.setup.set} - {"data.dir"}
        if laid_over:
            raise UsageError(
                "--update writes the baseline of the matrix as its file says: leave out "
                f"--axis and --set ({', '.join(sorted(laid_over))})"
            )
        session = Session(self.setup)
        gate = session.matrix.gate
        plan = session.plan()
        gate.check_known(_metrics(plan))
        if unfit := unfit_seeds(gate.mode, plan.seeds, plan.seeds):
            raise NothingToCompare(unfit)
        baseline_files.check_place(self.place, self.file)  # before the hours of training
        if self.train:
            plan = self._trained(session, plan)
        plan = readable(plan)
        plan.check_complete()
        if plan.to_come:
            raise RunsMissing(f"the search is not at its end: {plan.remarks[-1]}")
        made = current(plan, gate)
        if not any(
            cell.outcomes.samples(metric)
            for cell in made.cells.values()
            for metric in gated(gate, cell)
        ):
            raise NothingToCompare("every gated metric is undefined, so there is no baseline")
        notes = [*unmeasured(plan, None, gate), *undefined(made)]
        came_from = origin(self.file, self.place)
        files = baseline_files.write(self.place, made, matrix_file=came_from)
        return Written(files, notes)

    def _stored(self) -> set[str]:
        """Return the keys of the runs that have a score."""
        keys = self.setup.store.keys()
        return {key for key in keys if self.setup.store.run(key).state() == "done"}

    def _chosen(self, then: Baseline) -> Baseline:
        """Return the part of a baseline that the expression chooses."""
        if self.setup.cells is None:
            return then
        fits = name_filter(self.setup.cells)
        return replace(then, cells={n: cell for n, cell in then.cells.items() if fits(n)})

    def _trained(self, session: Session, plan: Plan, barred: Barring = lambda _: ()) -> Plan:
        """Train what is missing of the cells that are not barred, all stages of a search."""
        return session.train(plan, observing=self.observing, jobs=self.jobs, barred=barred)

    def _extended(self, plan: Plan, then: Baseline, names: Container[str], count: int) -> Plan:
        """Train some cells of a plan, and no other, with further seeds: the baseline's first."""
        more = further(plan.seeds, then, count)
        wider = [_widened(cell, more) if cell.name in names else cell for cell in plan.cells]
        part = replace(plan, cells=[cell for cell in wider if cell.name in names])
        if self.train:
            train_missing(part, self.setup, self.observing, self.jobs)
        return replace(plan, cells=wider).refreshed()


def look(plan: Plan, then: Baseline, gate: Gate, alpha: float) -> list[Comparison]:
    """Hold what is stored of a plan against a baseline, every gated metric of every cell."""
    plan = readable(plan)
    barred = missing(plan) | obstacles(plan, then, gate)
    now = {
        cell.name: outcomes
        for cell in plan.cells
        if cell.name not in barred and (outcomes := measured(cell)) is not None
    }
    compared: dict[str, list[Comparison]] = {}
    for comparison in compare(now, then.cells, gate, alpha):
        compared.setdefault(comparison.cell, []).append(comparison)
    rows = []
    for name, cell, was in both_sides(plan.cells, then.cells):
        if name in barred:
            verdict, reason = barred[name]
            rows += [
                Comparison(name, metric, verdict, gate.tolerance_of(metric), reason=reason)
                for metric in own_metrics(cell, was, gate)
            ]
        rows += compared.get(name, [])
    return rows


def further(used: Sequence[int], then: Baseline, count: int) -> list[int]:
    """Return so many seeds that are not used yet: first those that the baseline has."""
    seeds = dict.fromkeys(seed for cell in then.cells.values() for seed in cell.outcomes.seeds)
    fresh = [seed for seed in seeds if seed not in used]
    first = max([*used, *seeds]) + 1
    return [*fresh, *range(first, first + count)][:count]


def _widened(cell: PlannedCell, seeds: Sequence[int]) -> PlannedCell:
    """Return a cell that can be trained with runs of further seeds."""
    store = cell.runs[0].folder.store
    more = planned_runs(store, cell.identity.text, seeds, store.keys())
    return replace(cell, runs=[*cell.runs, *more])


def _undecided(comparison: Comparison) -> bool:
    """Whether more seeds may decide what is inconclusive."""
    return comparison.verdict == "inconclusive" and comparison.p is not None


def _metrics(plan: Plan, then: Baseline | None = None) -> set[str]:
    """Return what can be gated."""
    tasks = {task for cell in plan.cells for task in cell.tasks}
    if then is not None:
        tasks |= {task for cell in then.cells.values() for task in cell.outcomes.tasks}
    return {OVERALL, *tasks}
