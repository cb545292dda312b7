"""Records of the data's status, as they are printed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from mtbench.components.entries import build_parameters, build_task, build_tokenizer
from mtbench.components.registry import Registry
from mtbench.data import SOURCES, altered
from mtbench.data.status import ClassBalance, ScoreBalance, SplitStatus
from mtbench.data.tokenisation import Tokenisation
from mtbench.errors import MtbenchError, UsageError
from mtbench.matrix.configuration import DEFAULTS
from mtbench.matrix.designs import NamedCell, short
from mtbench.matrix.file import cells, read_matrix
from mtbench.matrix.overrides import NO_OVERRIDES, Overrides
from mtbench.protocols import BadRow, Task, Tokenizer
from mtbench.study.resolution import Resolved, Resolver, TaskEntry

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


@dataclass(frozen=True)
class MatrixData:
    """What a matrix file reads, and how it tokenises that.

    Attributes:
        tasks: by the name that they have there.
        folder: of the data: that of the first cell, or what the environment names; None where
            neither does.
        tokenisations: the different ones that its cells have of a task.
        without_tokenizer: a record an encoder whose tokenizer cannot be made, with the reason.
    """

    tasks: Mapping[str, Task]
    folder: Path | None
    tokenisations: Mapping[str, Sequence[Tokenisation]] = field(default_factory=dict)
    without_tokenizer: Sequence[Record] = ()


def of_matrix(matrix: Path, registry: Registry, overrides: Overrides = NO_OVERRIDES) -> MatrixData:
    """Return what the cells of a matrix file read, with overrides laid over it.

    Raises:
        UsageError: if a cell names something unknown, or one name is of different tasks.
        PluginError: if a plugin that is needed is broken.
    """
    resolver = Resolver(registry)
    named = cells(read_matrix(matrix), overrides)
    resolved = [resolver.resolve(cell.config) for cell in named]
    found: dict[str, TaskEntry] = {}
    for cell in resolved:
        for name, task in cell.tasks.items():
            if found.setdefault(name, task).table != task.table:
                raise UsageError(f"{matrix}: {name!r} is not the same task in every cell")
    folder = resolved[0].config["data"]["dir"]
    tokenisations, without_tokenizer = _tokenisations(named, resolved)
    return MatrixData(
        tasks={name: entry.task for name, entry in found.items()},
        folder=Path(folder) if folder else None,
        tokenisations=tokenisations,
        without_tokenizer=without_tokenizer,
    )


def _tokenisations(
    named: Sequence[NamedCell], resolved: Sequence[Resolved]
) -> tuple[dict[str, list[Tokenisation]], list[Record]]:
    """Return the ways in which cells tokenise each task; of those that give the same ids, one."""
    tokenizers: dict[str, Tokenizer | None] = {}
    found: dict[str, dict[tuple[str, str], Tokenisation]] = {}
    failed: list[Record] = []
    for cell, made in zip(named, resolved, strict=True):
        if made.rejection is not None:
            continue
        entry, component = made.entries["encoder"], made.cell.encoder
        written = short(cell.config.get("encoder", DEFAULTS["encoder"]))
        if (key := repr(component)) not in tokenizers:
            tokenizers[key] = None
            try:
                parameters = build_parameters(entry, component.parameters, where=component.name)
                tokenizers[key] = build_tokenizer(entry, parameters)
            except MtbenchError as error:
                failed.append({"encoder": written, "reason": str(error)})
        if (tokenizer := tokenizers[key]) is None:
            continue
        digest = getattr(tokenizer, "fingerprint", None) or key
        for task, head in made.cell.heads.items():
            pair = head.parameters["pair"]
            way = Tokenisation(written, tokenizer, pair)
            found.setdefault(task, {}).setdefault((digest, pair), way)
    return {task: list(ways.values()) for task, ways in found.items()}, failed


def split_records(statuses: Iterable[SplitStatus]) -> list[Record]:
    """Return a record a split; those that cannot be read for one reason share one."""
    records = []
    for _, same in groupby(statuses, key=lambda status: (status.task, status.problem or status)):
        status, *others = same
        records.append(
            {
                "task": status.task,
                "split": ", ".join(each.split for each in (status, *others)),
                "rows": _or_dash(status.rows),
                "published": "-" if others else _or_dash(status.published),
                "difference": "-" if status.difference is None else f"{status.difference:+d}",
                "labels": _balance(status.balance),
                "left out": "-" if status.problem else str(len(status.bad_rows)),
                "in train": _or_dash(status.shared),
                "fingerprint": _or_dash(status.short_fingerprint),
                "layout": _or_dash(status.layout),
                "not readable": status.problem or "",
            }
        )
    if not any(record["not readable"] for record in records):
        for record in records:
            del record["not readable"]
    return records


def errors(statuses: Sequence[SplitStatus], *, needed: bool) -> list[str]:
    """Return a line for each reason why splits of a task are needed and cannot be read.

    A test split is needed where it is there.

    Args:
        needed: whether the task is needed; otherwise it is where some split of it is there.
    """
    if not needed and all(status.absent for status in statuses):
        return []
    splits: dict[str, list[str]] = {}
    for status in statuses:
        if status.problem is not None and not (status.absent and status.split == "test"):
            splits.setdefault(status.problem, []).append(status.split)
    task = statuses[0].task
    return [f"{task}, {', '.join(names)}: {problem}" for problem, names in splits.items()]


def token_records(statuses: Iterable[SplitStatus]) -> list[Record]:
    """Return a record a split and tokenizer: how many examples it cuts, and finds nothing in."""
    return [
        {
            "task": status.task,
            "split": status.split,
            "encoder": tokens.encoder,
            "pair": tokens.pair or "-",
            "cut": str(tokens.cut),
            "empty": str(tokens.empty),
        }
        for status in statuses
        for tokens in status.tokens
        if tokens.problem is None
    ]


def untokenised_records(statuses: Iterable[SplitStatus]) -> list[Record]:
    """Return a record a split that a tokenizer cannot tokenise, with the reason."""
    return [
        {
            "encoder": tokens.encoder,
            "reason": f"{status.task}, {status.split}: {tokens.problem}",
        }
        for status in statuses
        for tokens in status.tokens
        if tokens.problem is not None
    ]


def bad_row_records(statuses: Iterable[SplitStatus]) -> list[Record]:
    """Return the first broken rows of each split, with file, line and reason."""
    return _row_records((status, status.bad_rows) for status in statuses)


def doubtful_row_records(statuses: Iterable[SplitStatus]) -> list[Record]:
    """Return the first rows of each split that were kept and are in doubt, as broken ones."""
    return _row_records((status, status.doubtful_rows) for status in statuses)


def _row_records(splits: Iterable[tuple[SplitStatus, Sequence[BadRow]]]) -> list[Record]:
    return [
        {
            "task": status.task,
            "split": status.split,
            "file": row.file,
            "line": str(row.line),
            "reason": row.reason,
        }
        for status, rows in splits
        for row in rows[:LISTED]
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


def _or_dash(value: object) -> str:
    return "-" if value is None else str(value)


def _balance(balance: ClassBalance | ScoreBalance | None) -> str:
    if balance is None:
        return "-"
    if isinstance(balance, ClassBalance):
        return " ".join(f"{name}:{share:.1%}" for name, share in balance.shares.items())
    lower, median, upper = balance.quartiles
    quartiles = f"{lower:.1f} {median:.1f} {upper:.1f}"
    return f"mean {balance.mean:.2f}, sd {balance.sd:.2f}, quartiles {quartiles}"
