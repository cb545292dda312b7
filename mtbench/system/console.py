"""The console: what goes to stdout, and what is said beside it on stderr."""

import sys

import click

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
