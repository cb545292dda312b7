"""Commands over plugins: ``plugins list``, ``show``, ``check`` and ``new``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mtbench.cli.options import PathType, blocked_option, data_option, plugins_option, table_option
from mtbench.errors import ExitCode
from mtbench.rendering.escaping import json_text, visible
from mtbench.system import console

if TYPE_CHECKING:
    from mtbench.components.entries import Entry
    from mtbench.components.registry import Registry
    from mtbench.testing.conformance import Outcome


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
@click.option("--format", "form", type=click.Choice(("rich", "json")), default="rich")
def list_(plugins: Sequence[Path], blocked: Sequence[str], form: str) -> int:
    """List what every plugin brings, what is broken, and what is blocked."""
    from mtbench.cli.tables import print_table
    from mtbench.components.catalogue import blocked as left_out
    from mtbench.components.catalogue import components, problems

    registry = _registry(plugins, blocked)
    if form == "json":
        value = {
            "components": components(registry),
            "broken": problems(registry),
            "blocked": left_out(registry),
        }
        console.show_text(json_text(value))
        return ExitCode.DONE
    print_table("", components(registry))
    if registry.problems:
        print_table("broken", problems(registry))
    if registry.blocked:
        print_table("blocked", left_out(registry))
    return ExitCode.DONE


@plugins.command("show")
@click.argument("name")
@plugins_option
@blocked_option
@click.option("--format", "form", type=click.Choice(("rich", "json")), default="rich")
def show(name: str, plugins: Sequence[Path], blocked: Sequence[str], form: str) -> int:
    """Show the component NAME (or KIND:NAME): parameters, source, provider."""
    from mtbench.cli.tables import print_table
    from mtbench.components.catalogue import details

    entries = details(_registry(plugins, blocked), name)
    if form == "json":
        console.show_text(json_text(entries))
        return ExitCode.DONE
    for entry in entries:
        console.show(f"{entry['kind']} {entry['name']}: {entry['summary']}")
        for line in _lines(entry):
            console.show(f"  {line}")
        print_table("parameters", entry["parameters"], widest=60)
    return ExitCode.DONE


def _lines(entry: Mapping[str, Any]) -> Iterator[str]:
    """Yield what there is to tell of a component, but for its parameters."""
    who = f"{entry['distribution']} {entry['version']}".rstrip()
    yield f"from {who} ({entry['module']})"
    if entry["paper"]:
        yield entry["paper"]
    if entry["api"] != 1:
        yield f"api: {entry['api']}"
    if "needs" in entry:
        yield f"needs: {entry['needs']}" + (", observes each update" if entry["observes"] else "")
    if "output" in entry:
        yield f"output: {entry['output']}"
    if entry["promises"]:
        yield f"promises: {', '.join(entry['promises'])}"
    for check, reason in entry["expected_failures"].items():
        yield f"expected to fail: {check} ({reason})"
    yield f"in a matrix: {entry['example']}"


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
@click.option("--format", "form", type=click.Choice(("rich", "json")), default="rich")
def check(
    name: str,
    parameters: Mapping[str, Any],
    data: Path | None,
    plugins: Sequence[Path],
    blocked: Sequence[str],
    *,
    form: str,
) -> int:
    """Hold the component NAME (or KIND:NAME) to the conformance kit.

    Ends with exit code 6 where a check fails that is not declared to.
    """
    from mtbench.cli.tables import print_table
    from mtbench.components.entries import label
    from mtbench.study.resolution import default_data_folder
    from mtbench.testing.reports import Report

    folder = data or default_data_folder()
    entries = _registry(plugins, blocked, console.warn).lookup(name)
    reports = []
    for entry in entries:
        with _progress(entry) as tell:
            reports.append(Report.of(entry, folder=folder, parameters=parameters, tell=tell))
    if form == "json":
        records = [report.record() for report in reports]
        console.show_text(json_text(records))
    else:
        for report in reports:
            console.show(label(report.entry))
            print_table("", report.rows(), widest=60)
            console.show_text(f"\n{visible(report.summary())}")
    failed = any(report.failed for report in reports)
    return ExitCode.PLUGIN_BROKEN if failed else ExitCode.DONE


@contextmanager
def _progress(entry: Entry) -> Iterator[Callable[[Outcome], None]]:
    """Give what shows on a terminal how far the checks of a component are; elsewhere nothing.

    Nothing is drawn while a check runs, since some look at this process's memory.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from mtbench.components.entries import label
    from mtbench.testing.conformance import CHECKS

    columns = (
        TextColumn("{task.description}", markup=False),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[last]}", markup=False),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, auto_refresh=False) as progress:
        bar = progress.add_task(label(entry), total=len(CHECKS[entry.spec.kind]), last="")
        progress.refresh()

        def tell(outcome: Outcome) -> None:
            last = f"{outcome.check.name}: {outcome.status}"
            progress.update(bar, advance=1, last=last, refresh=True)

        yield tell


@plugins.command("new")
@click.argument("kind")
@click.argument("name")
@click.option(
    "--dir",
    "folder",
    metavar="DIR",
    type=PathType(file_okay=False),
    help="Folder to write into; without it, ./mtbench-NAME.",
)
def new(kind: str, name: str, folder: Path | None) -> int:
    """Write a plugin that brings a KIND of component called NAME.

    A KIND is task, encoder, head, balancer or combiner.
    """
    from mtbench.cli.scaffold import write_plugin
    from mtbench.components.registry import Registry

    written = write_plugin(kind, name, folder, Registry.load())
    for file in written:
        console.show(f"wrote {file}")
    console.show(f"next: {written[0].with_name('README.md')}")
    return ExitCode.DONE
