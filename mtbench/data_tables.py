"""Records of the data's status, as they are printed."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from mtbench.data import SOURCES, ClassBalance, ScoreBalance, SplitStatus, altered
from mtbench.entries import build_parameters, build_task
from mtbench.errors import UsageError
from mtbench.matrix.file import cells, read_matrix
from mtbench.protocols import BadRow, Task
from mtbench.registry import Registry
from mtbench.resolution import Resolver, TaskEntry

Record = dict[str, str]

LISTED = 20
"""Rows listed for each split, of those left out and of those in doubt."""


def default_tasks(registry: Registry) -> dict[str, Task]:
    """Return every task that can be built without being told anything.

    Raises:
        PluginError: if one cannot be imported or made.
    """
    tasks: dict[str, Task] = {}
    entries = [entry for entry in registry.entries if entry.spec.kind == "task"]
    names = [entry.spec.name for entry in entries]
    for entry in entries:
        name = entry.spec.name
        if names.count(name) > 1:
            name = f"{entry.provider.distribution}/{name}"
        try:
            parameters = build_parameters(entry, {}, where=name)
        except UsageError:
            continue  # it must be told which file, say: nothing to report on by itself
        tasks[name] = build_task(entry, parameters)
    return tasks


def tasks_of(matrix: Path, registry: Registry) -> tuple[dict[str, Task], Path | None]:
    """Return every task of a matrix file by the name that it has there, and the data folder.

    The folder is that of the first cell, or what the environment names; None where neither does.

    Raises:
        UsageError: if a cell names something unknown, or one name is of different tasks.
        PluginError: if a plugin that is needed is broken.
    """
    resolver = Resolver(registry)
    resolved = [resolver.resolve(cell.config) for cell in cells(read_matrix(matrix))]
    found: dict[str, TaskEntry] = {}
    for cell in resolved:
        for name, task in cell.tasks.items():
            if found.setdefault(name, task).component != task.component:
                raise UsageError(f"{matrix}: {name!r} is not the same task in every cell")
    folder = resolved[0].config["data"]["dir"]
    return {name: entry.task for name, entry in found.items()}, Path(folder) if folder else None


def split_records(statuses: Iterable[SplitStatus]) -> list[Record]:
    """Return a record a split that can be read."""
    return [
        {
            "task": status.task,
            "split": status.split,
            "rows": str(status.rows),
            "published": "-" if status.published is None else str(status.published),
            "difference": "-" if status.difference is None else f"{status.difference:+d}",
            "labels": _balance(status.balance),
            "left out": str(len(status.bad_rows)),
            "fingerprint": status.short_fingerprint or "",
            "layout": status.layout or "-",
        }
        for status in statuses
        if status.problem is None
    ]


def bad_row_records(statuses: Iterable[SplitStatus]) -> list[Record]:
    """Return the first broken rows of each split, with file, line and reason."""
    return _row_records(status.bad_rows for status in statuses)


def doubtful_row_records(statuses: Iterable[SplitStatus]) -> list[Record]:
    """Return the first rows of each split that were kept and are in doubt, as broken ones."""
    return _row_records(status.doubtful_rows for status in statuses)


def _row_records(splits: Iterable[Sequence[BadRow]]) -> list[Record]:
    return [
        {"file": row.file, "line": str(row.line), "reason": row.reason}
        for rows in splits
        for row in rows[:LISTED]
    ]


def unreadable(statuses: Iterable[SplitStatus]) -> list[Record]:
    """Return a record a task and reason, with the splits that it keeps from being read."""
    splits: dict[tuple[str, str], list[str]] = {}
    for status in statuses:
        if status.problem is not None:
            splits.setdefault((status.task, status.problem), []).append(status.split)
    return [
        {"task": task, "splits": ", ".join(names), "reason": reason}
        for (task, reason), names in splits.items()
    ]


def altered_records(folder: Path | None) -> list[Record]:
    """Return a record a file of a public data set that is not as it was published."""
    if folder is None:
        return []
    return [
        {"data set": source.name, "file": target}
        for source in SOURCES
        for target in altered(source, folder)
    ]


def _balance(balance: ClassBalance | ScoreBalance | None) -> str:
    if balance is None:
        return "-"
    if isinstance(balance, ClassBalance):
        return " ".join(f"{i}:{share:.1%}" for i, share in enumerate(balance.shares))
    lower, median, upper = balance.quartiles
    quartiles = f"{lower:.1f} {median:.1f} {upper:.1f}"
    return f"mean {balance.mean:.2f}, sd {balance.sd:.2f}, quartiles {quartiles}"
