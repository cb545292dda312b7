"""Texts of dev: the sentences behind a stored run's predictions, read through its own tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mtbench import data
from mtbench.components.entries import calling
from mtbench.components.plugin_files import files_of_run, tell
from mtbench.components.registry import Registry
from mtbench.errors import PluginError, UsageError, is_not_at_hand, users_mistakes
from mtbench.store import RunFolder
from mtbench.study.resolution import Resolver, as_written

Texts = Mapping[str, tuple[str, ...]]


def dev_texts(
    folder: RunFolder, data_dir: Path | None = None, plugins: Sequence[Path] = ()
) -> tuple[dict[str, Texts], dict[str, str]]:
    """Read the sentences of a run's dev sets.

    Args:
        data_dir: where the data lie now; None for where they lay when the run was trained.
        plugins: plugin files, of which those of the run's tasks are loaded.

    Returns:
        The sentences by task and id; and, for a task whose data or plugin are not there any more
        or whose data have changed since, why it has none.

    Raises:
        PluginError: if a plugin that it needs is broken.
    """
    request = folder.request()
    config = as_written(request.config)
    # Tasks and data are all that is wanted: an encoder's plugin may be gone.
    providers = {k: v for k, v in request.providers.items() if k.startswith("tasks.")}
    try:
        files = files_of_run(request.plugins, providers, plugins, run=f"run {folder.key[:12]}")
        tell(files)
        resolved = Resolver(Registry.load(files, request.blocked)).resolve(
            {"tasks": config["tasks"], "data": config["data"]}
        )
    except UsageError as error:
        return {}, dict.fromkeys(request.config["tasks"], str(error))
    place = data_dir or (Path(config["data"]["dir"]) if config["data"]["dir"] else None)
    texts: dict[str, Texts] = {}
    unread: dict[str, str] = {}
    for name, task in resolved.tasks.items():
        try:
            with calling(task.entry, "load"), users_mistakes():
                examples = data.load(task.task, "dev", place, with_labels=True, name=name)
        except (UsageError, PluginError) as error:
            if not (isinstance(error, UsageError) or is_not_at_hand(error)):
                raise
            unread[name] = str(error)
            continue
        if data.fingerprint(examples) != request.identity.data.get(name, {}).get("dev"):
            unread[name] = f"dev has changed since run {folder.key[:12]} was trained"
            continue
        texts[name] = dict(zip(examples.ids, examples.texts, strict=True))
    return texts, unread
