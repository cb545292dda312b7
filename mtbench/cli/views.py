"""What a study answers, on stdout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mtbench.errors import ExitCode
from mtbench.system.console import show_document, warn

if TYPE_CHECKING:
    from mtbench.study.view import View


def print_view(view: View[Any], form: str, *checked: str, **options: Any) -> int:
    """Print a view, and raise what it lacks when all is told.

    Args:
        checked: what the view's ``check`` is given.
        options: as for ``View.render``.
    """
    show_document(view.document(**options), form)
    for remark in view.remarks if form == "csv" else ():
        warn(remark)
    view.check(*checked)
    return ExitCode.DONE
