"""The interface: a study, what can be asked of it, and the answers in every form."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtbench.components.validation import Count, CountOrZero, Flag, convert
from mtbench.errors import UsageError
from mtbench.store import Store
from mtbench.study.durations import estimate
from mtbench.study.plan import Plan
from mtbench.study.plan_document import document as plan_document
from mtbench.study.plan_document import run_records
from mtbench.study.progress import observing, silent
from mtbench.study.relatives import Relatives
from mtbench.study.setup import Place, Setup
from mtbench.study.study import Observing, Session
from mtbench.study.unchecked import unchecked
from mtbench.study.view import RecordTable, View

if TYPE_CHECKING:  # imported where they are asked for: a plan needs none of them
    from mtbench.board.standings import Leaderboard
    from mtbench.comparison.addressed import Addressed
    from mtbench.comparison.comparison import Comparisons
    from mtbench.gate.gatekeeper import Gatekeeper
    from mtbench.gate.verdicts import GateReport

    AnyView = View[Any]
    PlanView = View[Plan]
    BoardView = View[Leaderboard]
    ComparisonView = View[Comparisons]
    CheckView = View[GateReport]


def view_plan(session: Session, jobs: int | None = None) -> PlanView:
    """Return the plan of a study, and how long it will take with so many runs at a time."""
    relatives = Relatives(session.setup.store)
    plan = session.plan().explained(relatives)
    expected = estimate(plan, relatives, jobs)
    return View(
        plan,
        partial(plan_document, plan, expected),
        {"runs": RecordTable(partial(run_records, plan))},
        plan.check_sound,
        unchecked(plan.cells),
        expected,
    )


def view_board(plan: Plan) -> BoardView:
    """Return the leaderboard of what is stored of a plan."""
    from mtbench.board.document import document
    from mtbench.board.records import SCORES, row_records, score_records
    from mtbench.board.standings import leaderboard
    from mtbench.evidence.outcomes import readable

    plan = readable(plan)
    board = leaderboard(plan)
    tables = {
        "cells": RecordTable(partial(row_records, board)),
        "scores": RecordTable(partial(score_records, plan), SCORES),
    }
    return View(
        board, partial(document, board), tables, plan.check_complete, unchecked(plan.cells)
    )


def view_comparisons(compared: Addressed) -> ComparisonView:
    """Return what differs between two sides."""
    from mtbench.comparison.document import document, pair_records

    comparisons = compared.comparisons
    return View(
        comparisons,
        partial(document, comparisons),
        {"scores": RecordTable(partial(pair_records, comparisons))},
        compared.check,
        compared.remarks,
    )


def view_check(report: GateReport) -> CheckView:
    """Return what the gate found."""
    from mtbench.gate.document import document

    return View(report, partial(document, report), {"verdicts": RecordTable(report.records)})


class Study(Setup):
    """A study: a matrix, what is laid over it, its plugins and data, a device and a store.

    It is checked when it is made, and never changes. Plugin files are read anew whenever something
    is asked of it, so an edit counts at once. What it takes is told by ``Setup``.
    """

    def __init__(self, matrix: Any = None, **given: Any) -> None:
        super().__init__(matrix, **given)  # pydantic's plugin for mypy would give it another one

    def plan(self, *, jobs: int | None = None) -> PlanView:
        """Return the runs of the matrix: stored, to do, and those that cannot be.

        Args:
            jobs: runs at a time, for the estimate; None for as many as the cores can take.

        Raises:
            UsageError: if something that was given does not fit; the message is one line.
            PluginError: if a plugin that every cell needs is broken.
        """
        at_a_time = _jobs(jobs)
        return view_plan(Session(self, stored_only=True), at_a_time)

    def leaderboard(self) -> BoardView:
        """Return the leaderboard of what is stored, and train nothing.

        Errors are those of ``plan``. Runs that failed or are missing raise nothing: the table says
        which, and ``.check()`` of it raises.
        """
        return view_board(Session(self, stored_only=True).plan())

    def ablate(self, *, jobs: int | None = None, progress: bool = True) -> BoardView:
        """Train what is not stored, each run in a process of its own; return the leaderboard.

        Errors are those of ``plan``. A run that fails raises nothing, nor does one cell that a
        plugin breaks: the others go on, the table says what happened, and
        ``.check()`` of it raises.

        Args:
            jobs: runs at a time; None for as many as the cores can take, one on a CUDA device.
            progress: whether to show it: bars on a terminal and in a notebook that has ipywidgets,
                else lines on stderr.

        Raises:
            UsageError: also if the device is not there.
        """
        at_a_time, watch = _jobs(jobs), _watch(progress)
        session = Session(self)
        return view_board(session.train(session.plan(), observing=watch, jobs=at_a_time))

    def compare(
        self, a: str | Path, b: str | Path, *, store_b: str | Path | None = None, examples: int = 0
    ) -> ComparisonView:
        """Tell what differs between two cells, runs, matrices or stores.

        Cells that a plugin broke, and runs that are missing, are a warning; the others are
        compared. ``.check()`` of what is returned raises then, and where no score can be.

        Args:
            a, b: a run (the start of its key, or its folder), a cell (``"MATRIX::CELL"``, or
                ``"STORE::CELL"``; a part of its name that no other has will do, and ``[seed 1]``
                behind it is that run alone), or a matrix or a store, whose cells are paired by
                their names. An ``a`` that starts with ``::`` is a cell of the study's matrix, a
                ``b`` one of what ``a`` is in.
            store_b: where the runs of ``b`` are stored, if elsewhere.
            examples: how many examples to show of each kind that flipped.

        Raises:
            UsageError: if something that was given does not fit.
            NothingToCompare: if nothing of a side is stored, or they have nothing in common.
            PluginError: if a plugin broke a cell that is asked for.
        """
        from mtbench.comparison.addressed import compare_addresses

        shown = convert(CountOrZero, examples, where="examples")
        first, second = (str(convert(Place, side, where=n)) for n, side in (("a", a), ("b", b)))
        other = None if store_b is None else Store(convert(Place, store_b, where="store_b"))
        compared = compare_addresses(self, first, second, other, examples=shown)
        warn = self.warner()
        for problem in compared.problems:
            warn(str(problem))
        return view_comparisons(compared)

    def check(
        self,
        *,
        baseline: str | Path | None = None,
        update: bool = False,
        strict: bool = False,
        extend: int = 0,
        train: bool = True,
        jobs: int | None = None,
        progress: bool = True,
    ) -> CheckView:
        """Hold the study against its baseline, and train what is not stored.

        A regression raises nothing: see ``.report.verdict`` and ``.report.failed``.

        Args:
            baseline: its folder; None for that of the matrix.
            update: whether the baseline is first written anew, of what is then stored; the study
                is held against itself.
            strict: whether what is inconclusive fails.
            extend: further seeds for the cells that are inconclusive, once.
            train: whether what is not stored is trained.
            jobs, progress: as for ``ablate``.

        Raises:
            UsageError: if something that was given does not fit, or the matrix is no file.
            NothingToCompare: if there is no baseline, or a gated metric is in no cell.
            RunsMissing: if the baseline is to be written, and a run failed or is missing.
            PluginError: if plugins break every cell; one is enough where the baseline is written.
        """
        further = convert(CountOrZero, extend, where="extend")
        update, strict = _flag(update, "update"), _flag(strict, "strict")
        if update and (strict or further):
            raise UsageError(
                "update: a study is not strict with itself: leave out strict and extend"
            )
        keeper = self.gatekeeper(baseline=baseline, train=train, jobs=jobs, progress=progress)
        if update:
            keeper.update()
        return view_check(keeper.check(strict=strict, extend=further))

    def gatekeeper(
        self,
        *,
        baseline: str | Path | None = None,
        train: bool = True,
        jobs: int | None = None,
        progress: bool = True,
    ) -> Gatekeeper:
        """Return what holds the study against its baseline; see ``check``."""
        from mtbench.gate.gatekeeper import Gatekeeper

        return Gatekeeper(
            self,
            _watch(progress),
            None if baseline is None else convert(Place, baseline, where="baseline"),
            jobs=_jobs(jobs),
            train=_flag(train, "train"),
        )


def _flag(value: bool, name: str) -> bool:
    flag: bool = convert(Flag, value, where=name)
    return flag


def _watch(progress: bool) -> Observing:
    return observing if _flag(progress, "progress") else silent


def _jobs(given: int | None) -> int | None:
    jobs: int | None = convert(Count | None, given, where="jobs")
    return jobs
