"""Tables on stdout: of records, and what a study answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mtbench.errors import ExitCode
from mtbench.rendering import text as plain
from mtbench.system.console import show, show_text, warn

if TYPE_CHECKING:
    from mtbench.study.view import View


def print_view(view: View[Any], form: str, **options: Any) -> int:
    """Print a view, and raise what it lacks when all is told.

    Args:
        options: as for ``View.render``.
    """
    show_text(view.render(form, colour=True, **options))
    for remark in view.remarks if form == "csv" else ():
        warn(remark)
    view.check()
    return ExitCode.DONE


def print_table(
    title: str,
    records: Sequence[Mapping[str, Any]],
    *,
    empty: str = "",
    widest: int | None = None,
) -> None:
    """Print records as a table, one column a field; without records, what is said for none.

    Args:
        widest: characters of a column; what is longer goes on in the next line.
    """
    if not records:
        if empty:
            show(empty)
        return
    if title:
        show_text(f"\n{title}")
    show_text(plain.table(records, widest=widest))
