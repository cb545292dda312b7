"""The document of the data's status, and what of it a matrix reads."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

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
from mtbench.rendering.document import Document, Table
from mtbench.rendering.numbers import MISSING, number, percent
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
    by_task: dict[str, TaskEntry] = {}
    for cell in resolved:
        for name, task in cell.tasks.items():
            if by_task.setdefault(name, task).table != task.table:
                raise UsageError(f"{matrix}: {name!r} is not the same task in every cell")
    folder = resolved[0].config["data"]["dir"]
    tokenisations, without_tokenizer = _tokenisations(named, resolved)
    return MatrixData(
        tasks={name: entry.task for name, entry in by_task.items()},
        folder=Path(folder) if folder else None,
        tokenisations=tokenisations,
        without_tokenizer=without_tokenizer,
    )


def _tokenisations(
    named: Sequence[NamedCell], resolved: Sequence[Resolved]
) -> tuple[dict[str, list[Tokenisation]], list[Record]]:
    """Return the ways in which cells tokenise each task; of those that give the same ids, one."""
    tokenizers: dict[str, Tokenizer | None] = {}
    by_task: dict[str, dict[tuple[str, str], Tokenisation]] = {}
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
            by_task.setdefault(task, {}).setdefault((digest, pair), way)
    return {task: list(ways.values()) for task, ways in by_task.items()}, failed


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


def document(data: MatrixData, folder: Path | None, statuses: Sequence[SplitStatus]) -> Document:
    """Return what the data hold as a document; programs get a record a split.

    Args:
        data: what was looked at.
        folder: of the data; None where none was named.
        statuses: of the splits of its tasks.
    """
    rows = list(_split_rows(statuses))
    unreadable = [
        {"task": row["task"], "split": row["split"], "reason": reason}
        for row in rows
        if (reason := row.pop("reason"))
    ]
    untokenised = [
        {"encoder": tokens.encoder, "reason": f"{status.task}, {status.split}: {tokens.problem}"}
        for status in statuses
        for tokens in status.tokens
        if tokens.problem is not None
    ]
    altered_files = [
        {"data set": source.name, "file": target}
        for source in SOURCES
        for target in (altered(source, folder) if folder else ())
    ]
    left_out = [(status, status.bad_rows) for status in statuses]
    doubtful = [(status, status.doubtful_rows) for status in statuses]
    return Document(
        "",
        [
            Table("", rows, ("labels", "fingerprint", "layout"), names=2),
            Table("not readable", unreadable, ["reason"], names=2),
            Table("tokens", list(_token_rows(statuses)), ["pair"], names=3),
            Table("not tokenised", [*data.without_tokenizer, *untokenised], ["reason"]),
            Table("rows left out", _listed(left_out), ["reason"], names=3),
            Table("rows in doubt", _listed(doubtful), ["reason"], names=3),
            Table("not as published", altered_files, ["file"]),
        ],
        lambda: [_record(status) for status in statuses],
        lambda: {
            "splits": [asdict(status) for status in statuses],
            "without_tokenizer": list(data.without_tokenizer),
            "not_as_published": altered_files,
        },
    )


def _split_rows(statuses: Sequence[SplitStatus]) -> Iterator[Record]:
    """Yield a row a split; those that cannot be read for one reason share one."""
    for _, same in groupby(statuses, key=lambda status: (status.task, status.problem or status)):
        status, *others = same
        yield {
            "task": status.task,
            "split": ", ".join(each.split for each in (status, *others)),
            "rows": number(status.rows, 0),
            "published": MISSING if others else number(status.published, 0),
            "difference": number(status.difference, 0, sign="+"),
            "labels": _balance(status.balance),
            "left out": MISSING if status.problem else number(len(status.bad_rows), 0),
            "in train": number(status.shared, 0),
            "fingerprint": (status.fingerprint or MISSING)[:12],
            "layout": status.layout or MISSING,
            "reason": status.problem or "",
        }


def _record(status: SplitStatus) -> dict[str, Any]:
    """Return a split as one row: of lists of rows how many there are."""
    rows = {"bad_rows": len(status.bad_rows), "doubtful_rows": len(status.doubtful_rows)}
    return {k: v for k, v in asdict(status).items() if k not in ("balance", "tokens")} | rows


def _token_rows(statuses: Sequence[SplitStatus]) -> Iterator[Record]:
    """Yield a row a split and tokenizer: how many examples it cuts, and finds nothing in."""
    for status in statuses:
        for tokens in status.tokens:
            if tokens.problem is None:
                yield {
                    "task": status.task,
                    "split": status.split,
                    "encoder": tokens.encoder,
                    "pair": tokens.pair or MISSING,
                    "cut": number(tokens.cut, 0),
                    "empty": number(tokens.empty, 0),
                }


def _listed(splits: Iterable[tuple[SplitStatus, Sequence[BadRow]]]) -> list[Record]:
    """Return the first rows of each split, with file, line and reason."""
    return [
        {
            "task": status.task,
            "split": status.split,
            "file": str(row.file),
            "line": str(row.line),
            "reason": row.reason,
        }
        for status, rows in splits
        for row in rows[:LISTED]
    ]


def _balance(balance: ClassBalance | ScoreBalance | None) -> str:
    if balance is None:
        return MISSING
    if isinstance(balance, ClassBalance):
        return " ".join(f"{name}:{percent(share, 1)}" for name, share in balance.shares.items())
    quartiles = " ".join(number(quartile, 1) for quartile in balance.quartiles)
    mean, sd = number(balance.mean, 2), number(balance.sd, 2)
    return f"mean {mean}, sd {sd}, quartiles {quartiles}"
