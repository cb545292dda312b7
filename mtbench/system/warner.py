"""The warner: warns whoever called the interface for Python, of each thing once."""

from __future__ import annotations

import sys
import warnings
from types import FrameType

PACKAGE = __name__.partition(".")[0]


class Warner:
    """Warns of each thing once a call, at the line of whoever called the package."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def __call__(self, message: str) -> None:
        """Warn with a message, unless that was done."""
        if message not in self._told:
            self._told.add(message)
            warnings.warn(message, stacklevel=_frames_to_caller())


def _frames_to_caller() -> int:
    """Return the stack level, for the function that asks, of the first frame outside of us."""
    frame: FrameType | None = sys._getframe(1)
    level = 1
    while frame is not None and frame.f_globals.get("__name__", "").split(".")[0] == PACKAGE:
        frame, level = frame.f_back, level + 1
    return level
