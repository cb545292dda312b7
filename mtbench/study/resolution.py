"""Resolution: a configuration's names to specs, defaults filled in, sense checked."""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from shlex import quote
from typing import Any, Self

from mtbench.components.entries import Entry, build_parameters, build_task, calling, label
from mtbench.components.refusals import caveats, rejection
from mtbench.components.registry import NAME, Registry
from mtbench.components.validation import validate
from mtbench.errors import Incomplete, PluginError, UsageError, unknown
from mtbench.matrix.configuration import DEFAULT_HEAD, DEFAULTS, SECTIONS, SLOTS, Config, as_table
from mtbench.protocols import Task, TaskInfo
from mtbench.specs import Cell, CombinerSpec, Component, EncoderSpec, TaskSpec
from mtbench.system.bounds import check_path, user_path

DATA_VARIABLE = "MTBENCH_DATA"
"""Environment variable that names the folder of the data sets where no configuration does."""


COLUMNS = frozenset(
    ["overall", "cell", "seeds", "against", "difference", "steps", "minutes", "status", "reason"]
)
"""Columns of the leaderboard's CSV beside those of tasks, as far as a task could be so called."""


def default_data_folder() -> Path | None:
    """Return the folder that the environment names, or None."""
    folder = os.environ.get(DATA_VARIABLE)
    return Path(folder) if folder else None


@dataclass(frozen=True)
class TaskEntry:
    """A task of a cell: who brings it, name and parameters, the object and what it tells."""

    entry: Entry
    table: Config
    task: Task
    info: TaskInfo


@dataclass(frozen=True)
class _ResolvedPart:
    """A component of cells: who brings it, name and parameters, as an object and as a table."""

    entry: Entry
    component: Component
    table: Config

    @classmethod
    def of(cls, entry: Entry, name: str, parameters: Config) -> Self:
        return cls(entry, Component(name, parameters), {"name": name, **parameters})


@dataclass(frozen=True)
class Resolved:
    """A cell that can be trained.

    Attributes:
        config: every choice and default as JSON values; what is stored and shown.
        cell: the same as a ``rejects`` function sees it.
        tasks: the cell's tasks by name.
        entries: who brings each other component: ``"encoder"``, ``"heads.sts"``, ...
        rejection: why the cell makes no sense, or None.
    """

    config: Config
    cell: Cell
    tasks: Mapping[str, TaskEntry]
    entries: Mapping[str, Entry]
    rejection: str | None

    @cached_property
    def all_entries(self) -> Mapping[str, Entry]:
        """Who brings each component, the tasks among them: ``"tasks.sst"``, ..."""
        tasks = {f"tasks.{name}": task.entry for name, task in self.tasks.items()}
        return tasks | dict(self.entries)

    def caveats(self) -> list[str]:
        """Return what a reader of its scores must know; of a cell that can have some.

        Raises:
            PluginError: if the encoder raises, or answers with something that is no text.
        """
        return [] if self.rejection else caveats(self.cell, self.entries["encoder"])


class Resolver:
    """Resolves many cells; equal parts of cells are checked once."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._default_folder = default_data_folder()
        self._parts: dict[str, _ResolvedPart] = {}
        self._tasks: dict[str, TaskEntry] = {}
        self._lists: dict[str, dict[str, TaskEntry]] = {}
        self._sections: dict[str, Config] = {}

    def resolve(self, config: Config) -> Resolved:
        """Check a configuration and fill in what it leaves open.

        Raises:
            UsageError: if a name or a parameter is unknown or does not fit; an ``Incomplete``
                where a component's parameters are missing.
            PluginError: if a plugin that it needs is broken.
        """
        tasks = self._resolve_tasks(config.get("tasks"))
        train, data = self._section("train", config), self._section("data", config)
        self._check_batch_sizes(train, tasks)
        heads = config.get("heads", {})
        self._check_task_names(heads, tasks, where="heads")
        parts = {slot: self._part(slot, config.get(slot, DEFAULTS[slot]), slot) for slot in SLOTS}
        for name in tasks:
            head = self._part("head", heads.get(name, DEFAULT_HEAD), f"heads.{name}")
            parts[f"heads.{name}"] = self._with_dropout(head, train["dropout"])
        entries = {place: part.entry for place, part in parts.items()}
        combiner = entries["combiner"].spec
        assert isinstance(combiner, CombinerSpec)  # the registry keeps kinds apart
        cell = Cell(
            tasks={name: task.info for name, task in tasks.items()},
            encoder=parts["encoder"].component,
            heads={name: parts[f"heads.{name}"].component for name in tasks},
            balancer=parts["balancer"].component,
            combiner=parts["combiner"].component,
            train=train,
            combiner_needs=combiner.needs,
        )
        return Resolved(
            config={
                "tasks": {name: task.table for name, task in tasks.items()},
                "encoder": parts["encoder"].table,
                "heads": {name: parts[f"heads.{name}"].table for name in tasks},
                "balancer": parts["balancer"].table,
                "combiner": parts["combiner"].table,
                "train": train,
                "data": data,
            },
            cell=cell,
            tasks=tasks,
            entries=entries,
            rejection=rejection(cell, entries),
        )

    def _resolve_tasks(self, references: Any) -> dict[str, TaskEntry]:
        memo = repr(references)
        if memo not in self._lists:
            self._lists[memo] = {**self._named_tasks(references)}
        return self._lists[memo]

    def _named_tasks(self, references: Any) -> dict[str, TaskEntry]:
        if not isinstance(references, list) or not references:
            raise UsageError('tasks: expected a list of one or more, such as ["sst", "pd"]')
        tasks: dict[str, TaskEntry] = {}
        for reference in references:
            table = _task_table(reference)
            name = task_name(reference)
            table.pop("as", None)
            if not NAME.fullmatch(name) or name in COLUMNS:
                raise UsageError(
                    f"tasks: {name!r} cannot be a task's name: expected lower-case words joined "
                    "by '-', and no column of the leaderboard, such as 'overall'"
                )
            if name in tasks:
                raise UsageError(f"tasks: {name!r} is given twice; tell them apart with 'as'")
            tasks[name] = self._task(table)
        return tasks

    def _task(self, table: Config) -> TaskEntry:
        memo = repr(table)
        if memo not in self._tasks:
            part = self._part("task", table, "tasks")
            parameters = build_parameters(part.entry, part.component.parameters, where="tasks")
            task = build_task(part.entry, parameters)
            with calling(part.entry, "describe"):
                info: Any = task.describe()
                if not isinstance(info, TaskInfo):
                    message = f"describe returned {info!r}, not a TaskInfo"
                    raise PluginError(f"{label(part.entry)}: {message}")
            self._tasks[memo] = TaskEntry(part.entry, part.table, task, info)
        return self._tasks[memo]

    def _part(self, kind: str, table: Config, where: str) -> _ResolvedPart:
        memo = f"{kind} {table!r}"
        if memo not in self._parts:
            parameters = dict(table)
            name = parameters.pop("name", None)
            if not isinstance(name, str):
                raise UsageError(f"{where}: expected a name in {table!r}")
            entry = self._registry.find(kind, name)
            try:
                model = build_parameters(entry, parameters, where=f"{where} ({name})")
            except Incomplete as error:
                raise self._with_example(error, entry, where) from None
            with calling(entry, "its parameters"):
                values = model.model_dump(mode="json", by_alias=True)
            if isinstance(entry.spec, EncoderSpec):
                locations = {key: values[key] for key in entry.spec.locations & set(values)}
                values |= _absolute(locations, entry.spec.shipped)
            if isinstance(entry.spec, TaskSpec):
                values |= _from_anywhere(values, entry.spec.locations)
            self._parts[memo] = _ResolvedPart.of(entry, name, values)
        return self._parts[memo]

    def _with_dropout(self, head: _ResolvedPart, dropout: float) -> _ResolvedPart:
        """Return a head with the dropout of ``train`` where it names none of its own."""
        if head.component.parameters["dropout"] is not None:
            return head
        memo = f"{id(head)} {dropout!r}"
        if memo not in self._parts:
            values = {**head.component.parameters, "dropout": dropout}
            self._parts[memo] = _ResolvedPart.of(head.entry, head.component.name, values)
        return self._parts[memo]

    def _with_example(self, error: Incomplete, entry: Entry, where: str) -> Incomplete:
        """Return the error of parameters that are missing, with how they could be given."""
        from mtbench.components.catalogue import example, written

        message = f"{error}; example: {example(entry, self._registry)}"
        if where != "tasks":  # which are set as one list
            values = {key: entry.spec.example.get(key, ...) for key in error.missing}
            settings = [f"{where}.{key}={written(value)}" for key, value in values.items()]
            message += f", or for every cell --set {' --set '.join(map(quote, settings))}"
        return Incomplete(message, missing=error.missing)

    def _section(self, name: str, config: Config) -> Config:
        given = dict(config.get(name, {}))
        if name == "train" and not {"steps", "epochs"} & set(given):
            given["epochs"] = 1
        memo = f"{name} {given!r}"
        if memo not in self._sections:
            section = validate(SECTIONS[name], given, where=name).model_dump(mode="json")
            if name == "data":  # as it lies, so that the run finds it from wherever it starts
                folder = self._default_folder if section["dir"] is None else Path(section["dir"])
                section["dir"] = folder and str(user_path(str(folder)).absolute())
            self._sections[memo] = section
        return self._sections[memo]

    def _check_task_names(
        self, names: Iterable[str], tasks: Mapping[str, TaskEntry], *, where: str
    ) -> None:
        """Refuse the name of a task that is nowhere; that of another cell's task is no fault."""
        for name in names:
            if name not in tasks and name not in self._registry.names("task"):
                raise unknown("task", name, tasks, where=where)

    def _check_batch_sizes(self, train: Config, tasks: Mapping[str, TaskEntry]) -> None:
        sizes = train["batch_size"]
        if not isinstance(sizes, dict):
            return
        for name in tasks:
            if name not in sizes:
                raise UsageError(f"train.batch_size: no size for the task {name!r}")
        self._check_task_names(sizes, tasks, where="train.batch_size")


def task_name(reference: Any) -> str:
    """Return the name of a task in its cell, from what a matrix writes for it."""
    table = _task_table(reference)
    return str(table.get("as", str(table.get("name", "")).rpartition("/")[2]))


def _task_table(reference: Any) -> Config:
    return dict(
        {"name": reference} if isinstance(reference, str) else as_table(reference, "tasks")
    )


def _absolute(locations: Mapping[str, Any], shipped: Container[str]) -> dict[str, str]:
    """Return the locations that are paths from here as they are from anywhere."""
    return {
        key: str(Path(value).absolute())
        for key, value in locations.items()
        if isinstance(value, str) and value not in shipped and check_path(Path(value)).exists()
    }


def _from_anywhere(values: Config, locations: Container[str]) -> dict[str, str]:
    """Return the parameters that are paths from here as they are from anywhere."""
    return {
        key: str(user_path(value).absolute())
        for key, value in values.items()
        if key in locations and isinstance(value, str)
    }


def as_written(config: Config) -> Config:
    """Return a resolved configuration in the form a user writes, which resolves to itself."""
    tasks = [{"as": name, **table} for name, table in config["tasks"].items()]
    return {**config, "tasks": tasks}
