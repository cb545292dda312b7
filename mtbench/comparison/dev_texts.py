"""Texts of dev: the sentences behind a stored run's predictions, read through its own tasks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mtbench import data
from mtbench.entries import calling
from mtbench.errors import UsageError, users_mistakes
from mtbench.plugin_files import check_stored
from mtbench.registry import Registry
from mtbench.resolution import Resolver, as_written
from mtbench.store import REQUEST, RunFolder

Texts = Mapping[str, tuple[str, ...]]


def dev_texts(
    folder: RunFolder, data_dir: Path | None = None
) -> tuple[dict[str, Texts], dict[str, str]]:
    """Read the sentences of a run's dev sets.

    Args:
        data_dir: where the data lie now; None for where they lay when the run was trained.

    Returns:
        The sentences by task and id; and, for a task whose data or plugin are not there any more
        or whose data have changed since, why it has none.

    Raises:
        PluginError: if a plugin that it needs is broken.
    """
    request = folder.read(REQUEST) or {}
    config = as_written(request["config"])
    files, blocked = [Path(file) for file in request["plugins"]], request.get("blocked", ())
    try:
        check_stored(files, blocked, run=f"run {folder.key[:12]}")
        # Tasks and data are all that is wanted: an encoder's plugin may be gone.
        resolved = Resolver(Registry.load(files, blocked)).resolve(
            {"tasks": config["tasks"], "data": config["data"]}
        )
    except UsageError as error:
        return {}, dict.fromkeys(request["config"]["tasks"], str(error))
    place = data_dir or (Path(config["data"]["dir"]) if config["data"]["dir"] else None)
    found: dict[str, Texts] = {}
    unread: dict[str, str] = {}
    for name, task in resolved.tasks.items():
        try:
            with calling(task.entry, "load"), users_mistakes():
                examples = data.load(task.task, "dev", place, with_labels=True, name=name)
        except UsageError as error:
            unread[name] = str(error)
            continue
        if data.fingerprint(examples) != request["identity"]["data"][name]["dev"]:
            unread[name] = f"dev has changed since run {folder.key[:12]} was trained"
            continue
        found[name] = dict(zip(examples.ids, examples.texts, strict=True))
    return found, unread
