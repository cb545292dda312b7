"""The history of a run: a line of JSON an event, readable while the run is under way."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, PositiveInt, TypeAdapter

from mtbench.devices import CUDA
from mtbench.store.fields import Fields
from mtbench.store.files import HISTORY
from mtbench.system.files import parse_object

if TYPE_CHECKING:
    import torch

STATUS = Path("/proc/self/status")

LINES = 1000
"""A long run notes every n-th step, so that its history has about this many lines."""


class History:
    """Writes ``history.jsonl``: phases, steps with their losses, evaluations with their scores.

    Attributes:
        steps: steps done so far.
    """

    def __init__(self, folder: Path) -> None:
        self._file = (folder / HISTORY).open("w", encoding="utf-8", buffering=1)
        self._started = time.perf_counter()
        self.steps = 0

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def note(self, phase: str) -> None:
        """Note that a phase begins, such as ``"evaluating"``."""
        self._write(event="phase", phase=phase)

    def step(self, done: int, total: int, losses: Mapping[str, float]) -> None:
        """Note a step, or leave it out where there are many."""
        self.steps = done
        every = max(1, total // LINES)
        if done % every == 0 or done in (1, total):
            self._write(event="step", step=done, total=total, losses=dict(losses))

    def evaluation(self, step: int, scores: Mapping[str, Any]) -> None:
        """Note the scores on dev after a step."""
        self._write(event="evaluation", step=step, scores=dict(scores))

    def _write(self, **event: Any) -> None:
        event["seconds"] = round(time.perf_counter() - self._started, 3)
        self._file.write(json.dumps(event) + "\n")


class _Noted(Fields):
    seconds: float = 0


class _Phase(_Noted):
    event: Literal["phase"]
    phase: str


class _Step(_Noted):
    event: Literal["step"]
    step: PositiveInt
    total: PositiveInt


class _Evaluation(_Noted):
    event: Literal["evaluation"]
    step: int


_EVENT: TypeAdapter[Any] = TypeAdapter(
    Annotated[_Phase | _Step | _Evaluation, Field(discriminator="event")]
)


def parse_event(line: bytes) -> dict[str, Any]:
    """Return the event that a line of the history holds.

    Raises:
        ValueError: if it holds none that a run writes.
    """
    event = parse_object(line)
    _EVENT.validate_python(event)
    return event


def peak_memory_mb() -> float | None:
    """Return the largest resident size of this process so far, where the system tells it."""
    if sys.platform == "win32":
        return None
    if STATUS.exists():  # Linux hands ru_maxrss on from the process that started this one
        lines = STATUS.read_text(encoding="utf-8").splitlines()
        peaks = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
        if peaks:
            return round(int(peaks[0]) / 1024, 1)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024 * 1024 if sys.platform == "darwin" else 1024), 1)


def cost_of_device(device: torch.device) -> dict[str, Any]:
    """Return which CUDA device it was, and the most memory that tensors took there."""
    if device.type != CUDA:
        return {}
    import torch

    peak = torch.cuda.max_memory_allocated(device)
    return {
        "device": torch.cuda.get_device_name(device),
        "peak_device_memory_mb": round(peak / 1024**2, 1),
    }
