"""Commands over plugins: ``plugins list``, ``show``, ``check`` and ``new``."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mtbench.cli.options import (
    blocked_option,
    data_option,
    folder_option,
    format_option,
    plugins_option,
    table_option,
)
from mtbench.errors import ExitCode, PluginError, UsageError
from mtbench.system import console

if TYPE_CHECKING:
    from mtbench.components.entries import Entry
    from mtbench.components.registry import Registry
    from mtbench.testing.conformance import Examination, Outcome


@click.group()
def plugins() -> None:
    """List the plugins, show or check one, or begin one."""


def _registry(
    plugins: Sequence[Path], blocked: Sequence[str], warn: Callable[[str], None] | None = None
) -> Registry:
    """Load the plugins, with the file of the working directory; no study is needed for that."""
    from mtbench.components.plugin_files import with_file_beside
    from mtbench.components.registry import Registry

    return Registry.open(with_file_beside(plugins, Path()), blocked, warn)


@plugins.command("list")
@plugins_option
@blocked_option
@format_option
def list_(plugins: Sequence[Path], blocked: Sequence[str], form: str) -> int:
    """List what every plugin brings, what is broken, and what is blocked."""
    from mtbench.cli.plugin_documents import list_document

    console.show_document(list_document(_registry(plugins, blocked)), form)
    return ExitCode.DONE


@plugins.command("show")
@click.argument("name")
@plugins_option
@blocked_option
@format_option
def show(name: str, plugins: Sequence[Path], blocked: Sequence[str], form: str) -> int:
    """Show the component NAME (or KIND:NAME): parameters, source, provider."""
    from mtbench.cli.plugin_documents import component_document
    from mtbench.components.catalogue import details

    entries = details(_registry(plugins, blocked), name)
    console.show_document(component_document(entries), form)
    return ExitCode.DONE


@plugins.command("check")
@click.argument("name")
@table_option(
    "--param",
    "parameters",
    metavar="KEY=VALUE",
    help="A parameter that it is checked with; may be given again.",
)
@data_option
@plugins_option
@blocked_option
@format_option
def check(
    name: str,
    parameters: Mapping[str, Any],
    data: Path | None,
    plugins: Sequence[Path],
    blocked: Sequence[str],
    *,
    form: str,
) -> int:
    """Hold NAME (or KIND:NAME), or all of a FILE.py, to the conformance kit.

    Ends with exit code 6 where a check fails that is not declared to.
    """
    from mtbench.cli.plugin_documents import check_document
    from mtbench.study.resolution import default_data_folder

    folder = data or default_data_folder()
    file = Path(name) if name.endswith(".py") else None
    files = [*plugins, file] if file else plugins
    registry = _registry(files, blocked, console.warn)
    entries = _brought_by(file, registry) if file else registry.lookup(name)

    from mtbench.testing.conformance import Report  # brings torch, for which no mistake waits
    from mtbench.testing.isolation import Isolation

    reports = []
    with closing(Isolation(files, blocked)) as isolation:
        for entry in entries:
            outcomes = _watched(entry, isolation.examine(entry, folder, parameters))
            reports.append(Report(entry, tuple(outcomes)))
    console.show_document(check_document(reports), form)
    failed = any(report.failed for report in reports)
    return ExitCode.PLUGIN_BROKEN if failed else ExitCode.DONE


def _brought_by(file: Path, registry: Registry) -> list[Entry]:
    """Return the entries that a plugin file brings, where nothing of it is broken."""
    broken = [str(each) for each in registry.problems if each.provider.module == file.stem]
    if broken:
        raise PluginError(f"broken plugin {'; '.join(broken)}")
    entries = [entry for entry in registry.entries if entry.provider.module == file.stem]
    if not entries:
        raise UsageError(f"{file} brings no component: it has no hook, or -p leaves it out")
    return entries


def _watched(entry: Entry, examination: Examination) -> Iterator[Outcome]:
    """Yield what comes of a component's checks, and show on a terminal how far they are."""
    if not sys.stderr.isatty():
        yield from examination
        return
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from mtbench.components.entries import label

    columns = (
        TextColumn("{task.description}", markup=False),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[last]}", markup=False),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task(label(entry), total=len(examination.checks), last="")
        for outcome in examination:
            last = f"{outcome.check.name}: {outcome.status}"
            progress.update(bar, advance=1, last=last, refresh=True)
            yield outcome


@plugins.command("new")
@click.argument("kind")
@click.argument("name")
@folder_option("--dir", "folder", help="Folder to write into; without it, ./mtbench-NAME.")
def new(kind: str, name: str, folder: Path | None) -> int:
    """Write a plugin that brings a KIND of component called NAME.

    A KIND is task, encoder, head, balancer or combiner.
    """
    from mtbench.cli.scaffold import write_plugin
    from mtbench.components.registry import Registry

    written = write_plugin(kind, name, folder, Registry.load())
    for file in written:
        console.show(f"wrote {file}")
    place = written[0].parent
    console.show(f"next: pip install -e {shlex.quote(str(place))}; see {place / 'README.md'}")
    return ExitCode.DONE
