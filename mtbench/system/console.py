"""The console: what goes to stdout, and what is said beside it on stderr."""

import os
import shutil
import sys

import click

from mtbench.rendering import render
from mtbench.rendering.document import Document
from mtbench.rendering.escaping import visible

LONGEST = 2000
"""Characters of a line on stderr; of a longer one, most was given by somebody."""


def say(line: object) -> None:
    """Write a line to stderr: what is hidden in it escaped, a long one without its middle."""
    text = visible(str(line))
    if len(text) > LONGEST:
        text = f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"
    click.echo(text, file=sys.stderr, err=True)


def warn(message: object) -> None:
    """Say that something is not as it should be, and goes on all the same."""
    say(f"warning: {message}")


def show(line: object) -> None:
    """Write a line to stdout; what is hidden in it is shown escaped."""
    show_text(visible(str(line)))


def show_text(text: str) -> None:
    """Write a text of several lines to stdout, as it stands, and a line break."""
    # Not click's own choice of a stream: it writes UTF-8 to a console that takes ASCII.
    click.echo(text, file=sys.stdout)


def show_document(document: Document, form: str = "text") -> None:
    """Write a document to stdout: as wide as a terminal, and coloured, where that is one."""
    on_terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if on_terminal else None
    colour = on_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    show_text(render(document, form, width=width, colour=colour))
