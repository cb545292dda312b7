"""Resolution: a configuration's names to specs, defaults filled in, sense checked."""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

from mtbench.components.entries import Entry, build_parameters, build_task, calling, label
from mtbench.components.refusals import caveats, rejection
from mtbench.components.registry import NAME, Registry
from mtbench.components.validation import validate
from mtbench.errors import Incomplete, PluginError, UsageError, unknown
from mtbench.matrix.configuration import DEFAULT_HEAD, DEFAULTS, SECTIONS, SLOTS, Config, as_table
from mtbench.protocols import Task, TaskInfo
from mtbench.specs import (
    Cell,
    CombinerSpec,
    Component,
    EncoderSpec,
    TaskSpec,
)
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
    """A task of a cell: who brings it, as what it is named, the object and what it tells."""

    entry: Entry
    component: Component
    task: Task
    info: TaskInfo


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
        self._components: dict[str, tuple[Entry, Component]] = {}
        self._tasks: dict[str, TaskEntry] = {}
        self._sections: dict[str, Config] = {}

    def resolve(self, config: Config) -> Resolved:
        """Check a configuration and fill in what it leaves open.

        Raises:
            UsageError: if a name or a parameter is unknown or does not fit; an ``Incomplete``
                where a component's parameters are missing.
            PluginError: if a plugin that it needs is broken.
        """
        tasks = self._resolve_tasks(config.get("tasks"))
        train = self._section("train", config)
        data = self._section("data", config)
        folder = Path(data["dir"]) if data["dir"] is not None else self._default_folder
        if folder is not None:  # as it lies, so that the run finds it from wherever it starts
            data = {**data, "dir": str(user_path(str(folder)).absolute())}
        self._check_batch_sizes(train, tasks)
        parts = {slot: config.get(slot, DEFAULTS[slot]) for slot in SLOTS}
        heads = config.get("heads", {})
        self._check_task_names(heads, tasks, where="heads")
        parts |= {f"heads.{name}": heads.get(name, DEFAULT_HEAD) for name in tasks}
        found = {
            part: self._component(part.partition(".")[0].removesuffix("s"), given, part)
            for part, given in parts.items()
        }
        components = {
            part: _with_dropout(component, train) if part.startswith("heads.") else component
            for part, (_, component) in found.items()
        }
        entries = {part: entry for part, (entry, _) in found.items()}
        combiner = entries["combiner"].spec
        assert isinstance(combiner, CombinerSpec)  # the registry keeps kinds apart
        cell = Cell(
            tasks={name: task.info for name, task in tasks.items()},
            encoder=components["encoder"],
            heads={name: components[f"heads.{name}"] for name in tasks},
            balancer=components["balancer"],
            combiner=components["combiner"],
            train=train,
            combiner_needs=combiner.needs,
        )
        return Resolved(
            config=_as_config(cell, tasks, data),
            cell=cell,
            tasks=tasks,
            entries=entries,
            rejection=rejection(cell, entries),
        )

    def _resolve_tasks(self, given: Any) -> dict[str, TaskEntry]:
        if not isinstance(given, list) or not given:
            raise UsageError('tasks: expected a list of one or more, such as ["sst", "pd"]')
        tasks: dict[str, TaskEntry] = {}
        for reference in given:
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
            entry, component = self._component("task", table, "tasks")
            parameters = build_parameters(entry, component.parameters, where="tasks")
            task = build_task(entry, parameters)
            with calling(entry, "describe"):
                info: Any = task.describe()
                if not isinstance(info, TaskInfo):
                    told = f"describe returned {info!r}, not a TaskInfo"
                    raise PluginError(f"{label(entry)}: {told}")
            self._tasks[memo] = TaskEntry(entry, component, task, info)
        return self._tasks[memo]

    def _component(self, kind: str, given: Config, where: str) -> tuple[Entry, Component]:
        memo = f"{kind} {given!r}"
        if memo not in self._components:
            parameters = dict(given)
            name = parameters.pop("name", None)
            if not isinstance(name, str):
                raise UsageError(f"{where}: expected a name in {given!r}")
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
            component = Component(name, values)
            self._components[memo] = (entry, component)
        return self._components[memo]

    def _with_example(self, error: Incomplete, entry: Entry, where: str) -> Incomplete:
        """Return the error of parameters that are missing, with how they could be given."""
        from mtbench.components.catalogue import example, written

        told = f"{error}; example: {example(entry, self._registry)}"
        if where != "tasks":  # which are set as one list
            values = {key: entry.spec.example.get(key, ...) for key in error.missing}
            settings = [f"{where}.{key}={written(value)}" for key, value in values.items()]
            told += f", or for every cell --set {' --set '.join(map(quote, settings))}"
        return Incomplete(told, missing=error.missing)

    def _section(self, name: str, config: Config) -> Config:
        given = dict(config.get(name, {}))
        if name == "train" and not {"steps", "epochs"} & set(given):
            given["epochs"] = 1
        memo = f"{name} {given!r}"
        if memo not in self._sections:
            section = validate(SECTIONS[name], given, where=name)
            self._sections[memo] = section.model_dump(mode="json")
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


def _with_dropout(component: Component, train: Config) -> Component:
    if component.parameters["dropout"] is not None:
        return component
    return Component(component.name, {**component.parameters, "dropout": train["dropout"]})


def _as_config(cell: Cell, tasks: Mapping[str, TaskEntry], data: Config) -> Config:
    def table(component: Component) -> Config:
        return {"name": component.name, **component.parameters}

    return {
        "tasks": {name: table(task.component) for name, task in tasks.items()},
        "encoder": table(cell.encoder),
        "heads": {name: table(head) for name, head in cell.heads.items()},
        "balancer": table(cell.balancer),
        "combiner": table(cell.combiner),
        "train": dict(cell.train),
        "data": data,
    }


def as_written(config: Config) -> Config:
    """Return a resolved configuration in the form a user writes, which resolves to itself."""
    tasks = [{"as": name, **table} for name, table in config["tasks"].items()]
    return {**config, "tasks": tasks}
