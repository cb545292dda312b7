"""Views: what a notebook or a script is given of a plan and of a leaderboard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mtbench.board.rendering import FORMATS, as_html, flat_records
from mtbench.board.standings import Leaderboard
from mtbench.evidence.outcomes import OVERALL
from mtbench.notebook.formats import framed, rendered
from mtbench.study.durations import Estimate
from mtbench.study.plan import Plan, PlannedCell
from mtbench.study.plan_rendering import PLAN_FORMATS, run_records
from mtbench.study.plan_rendering import as_html as plan_as_html

if TYPE_CHECKING:
    import pandas as pd

SCORES = ("cell", "task", "metric", "seed", "score", "untrained", "key")
"""Columns of ``LeaderboardView.scores``."""


@dataclass(frozen=True, repr=False)
class PlanView:
    """The plan of a matrix.

    Attributes:
        plan: its cells and runs; ``plan.check_sound()`` raises where a plugin broke a cell.
        estimate: how long the runs that are to do will take.
    """

    plan: Plan
    estimate: Estimate

    def __repr__(self) -> str:
        return self.render()

    def _repr_html_(self) -> str:
        return plan_as_html(self.plan, self.estimate)

    def render(self, form: str = "rich") -> str:
        """Return it as ``mtbench plan --format`` prints it.

        Raises:
            UsageError: if there is no such format.
        """
        return rendered(form, PLAN_FORMATS, self.plan, self.estimate)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """A row a run: ``cell``, ``seed``, ``state``, ``key``, ``reason``.

        A cell that is rejected or broken has one row, without seed and key, and with the reason;
        a run that is damaged has one too, and one that is missing though a run of its name is
        stored.
        """
        frame = framed(run_records(self.plan), ["cell", "seed", "state", "run", "reason"])
        return frame.astype({"seed": "Int64"}).rename(columns={"run": "key"})


@dataclass(frozen=True, repr=False)
class LeaderboardView:
    """The leaderboard of a matrix.

    Attributes:
        board: what the table says.
        plan: what it is of; ``plan.check_complete()`` raises where a run has no score.
        records: a record a cell, task and seed; see ``scores``.
    """

    board: Leaderboard
    plan: Plan
    records: Sequence[Mapping[str, Any]]

    def __repr__(self) -> str:
        return self.render()

    def _repr_html_(self) -> str:
        return as_html(self.board)

    def render(self, form: str = "rich") -> str:
        """Return it as ``mtbench leaderboard --format`` prints it.

        Raises:
            UsageError: if there is no such format.
        """
        return rendered(form, FORMATS, self.board)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """A row a cell, numbers unrounded; those that are not there, or undefined, are NaN.

        Columns: ``cell``; for each task and ``overall`` the mean over the seeds under its name
        and, behind it, its 95 % interval (``_low``, ``_high``), the standard deviation (``_sd``),
        the examples of dev (``_n``), train minus dev (``_gap``) and the published score
        (``_paper``), for a task also whether no run trained its head (``_untrained``) and the
        examples it was trained on (``_trained_on``), for the overall whether it is over all of
        the matrix's tasks (``_all_tasks``); ``seeds``, how many runs are stored;
        ``rank_best`` and ``rank_worst``; ``against``, the cell that it is compared with, and
        ``difference`` to that on the overall, with ``_low``, ``_high`` and ``_p`` (Holm's);
        ``delta_m``, the gain over single tasks in percent, with ``_low`` and ``_high``; of a run
        ``steps``, ``minutes``, ``peak_mb`` and ``peak_device_mb``; ``status``; ``reason``.
        """
        return framed(flat_records(self.board))

    @cached_property
    def scores(self) -> pd.DataFrame:
        """A row a cell, task and seed, ``overall`` among the tasks; only runs that are stored.

        Columns: ``cell``, ``task``, ``metric`` (empty for ``overall``), ``seed``, ``score`` on
        dev (NaN where undefined), ``untrained``, ``key`` of the run.
        """
        return framed(self.records, SCORES).astype({"score": float})


def score_records(plan: Plan) -> list[dict[str, Any]]:
    """Return what ``LeaderboardView.scores`` has a row for, unrounded, in the plan's order."""
    return [record for cell in plan.cells for record in _scores_of(cell)]


def _scores_of(cell: PlannedCell) -> list[dict[str, Any]]:
    metrics = {task: entry.info.metrics[0] for task, entry in cell.tasks.items()}
    records = []
    for run in cell.runs:
        if run.state != "done":
            continue
        result = run.folder.result()
        named = {"cell": cell.name, "seed": run.seed, "key": run.key}
        records += [
            named
            | {"task": task, "metric": metric, "score": result.scores.dev[task][metric]}
            | {"untrained": task in result.untrained}
            for task, metric in metrics.items()
        ]
        whole = {"task": OVERALL, "metric": "", "score": result.overall}
        records.append(named | whole | {"untrained": bool(result.untrained)})
    return records
