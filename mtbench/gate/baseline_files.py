"""The files of a baseline, which are committed beside the matrix.

``baseline.json`` is for people and for the record: scores, runs' keys, fingerprints, environment.
``baseline.npz`` holds what the runs made of each example, as numbers without text, id or label:
what is 0 or 1 in packed bits, pseudo-values as 32-bit floats. The same outcomes give the same
bytes of it.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from mtbench.errors import NothingToCompare, UsageError
from mtbench.evidence.outcomes import OVERALL, CellOutcomes, TaskOutcomes
from mtbench.evidence.statistics import Array, Sample
from mtbench.gate.baseline import Baseline, Measured
from mtbench.matrix.gating import Gate
from mtbench.outputs import check_writable, write_bytes
from mtbench.validation import validate

FORMAT = 1
"""Raised by hand when the files change; older ones are refused."""

SCORES = "baseline.json"
OUTCOMES = "baseline.npz"


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Task(_Record):
    """Of a task: the primary metric, its scores a seed (None if undefined), the dev set."""

    metric: str
    scores: list[float] | None
    examples: str
    count: int


class _Cell(_Record):
    name: str
    seeds: list[int]
    keys: list[str]
    overall: list[float] | None
    tasks: dict[str, _Task]
    data: dict[str, dict[str, str]]


class _File(_Record):
    """All of ``baseline.json``; ``outcomes`` is the SHA-256 of the file beside it."""

    format: int
    matrix: str
    date: str
    device: str
    environment: dict[str, str]
    gate: Gate
    outcomes: str
    cells: list[_Cell]


def check_place(folder: Path) -> None:
    """Make a folder, and make sure that both files can be written there.

    Raises:
        UsageError: if not.
    """
    for name in (SCORES, OUTCOMES):
        check_writable(folder / name)


def write(folder: Path, baseline: Baseline) -> list[Path]:
    """Write both files, or none, and return them.

    Raises:
        UsageError: if they cannot be written.
    """
    arrays = io.BytesIO()
    named: dict[str, Any] = dict(_arrays(baseline))
    np.savez(arrays, **named)
    record = _File(
        format=FORMAT,
        matrix=baseline.title,
        date=baseline.date,
        device=baseline.device,
        environment=dict(baseline.environment),
        gate=baseline.gate,
        outcomes=hashlib.sha256(arrays.getvalue()).hexdigest(),
        cells=[_record(cell) for cell in baseline.cells.values()],
    )
    # As the store writes JSON.
    scores = json.dumps(record.model_dump(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    files = {folder / SCORES: scores.encode(), folder / OUTCOMES: arrays.getvalue()}
    write_bytes(files)
    return list(files)


def read(folder: Path) -> Baseline:
    """Read both files.

    Raises:
        NothingToCompare: if there is no baseline.
        UsageError: if a file is torn or foreign, of another format, or they are not one pair.
    """
    file, beside = folder / SCORES, folder / OUTCOMES
    again = "'mtbench check --update' writes it anew"
    try:
        table = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NothingToCompare(
            f"{file}: there is no baseline; 'mtbench check --update' writes one"
        ) from None
    except (OSError, ValueError) as error:  # no JSON, or no UTF-8
        raise UsageError(f"{file}: cannot be read: {error}; {again}") from None
    if not isinstance(table, dict) or table.get("format") != FORMAT:
        given = table.get("format") if isinstance(table, dict) else None
        raise UsageError(f"{file}: format {given!r}, and this mtbench reads {FORMAT}; {again}")
    record = validate(_File, table, where=str(file))
    try:
        content = beside.read_bytes()
    except OSError as error:
        raise UsageError(f"{beside}: cannot be read: {error.strerror}; {again}") from None
    if hashlib.sha256(content).hexdigest() != record.outcomes:
        raise UsageError(f"{beside}: not what {SCORES} was written with; {again}")
    try:
        with np.load(io.BytesIO(content)) as arrays:
            cells = {
                cell.name: _cell(place, cell, arrays) for place, cell in enumerate(record.cells)
            }
    except (ValueError, KeyError, zipfile.BadZipFile) as error:
        raise UsageError(f"{beside}: does not fit {SCORES}: {error}; {again}") from None
    return Baseline(
        record.matrix, record.date, record.device, record.environment, record.gate, cells
    )


def _arrays(baseline: Baseline) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the arrays of the file, by the places of cell and task."""
    for place, cell in enumerate(baseline.cells.values()):
        for number, task in enumerate(cell.outcomes.tasks.values()):
            if task.sample is not None:
                yield f"{place}.{number}", _packed(task.sample.outcomes)


def _packed(outcomes: Array) -> NDArray[Any]:
    """Return outcomes (S, E) as bits, a row a seed, where all are 0 or 1; else as floats."""
    bits = outcomes.astype(bool)
    if np.array_equal(bits, outcomes):
        return np.packbits(bits, axis=1)
    return outcomes.astype("<f4")


def _unpacked(array: NDArray[Any], scores: Sequence[float], shape: tuple[int, int]) -> Sample:
    bits = array.dtype == np.uint8
    outcomes = np.unpackbits(array, axis=1, count=shape[1]) if bits else array
    if outcomes.shape != shape or len(scores) != len(outcomes):
        raise ValueError(f"{len(scores)} scores and {outcomes.shape} outcomes for {shape}")
    return Sample(np.array(scores, float), outcomes.astype(float))


def _record(cell: Measured) -> _Cell:
    outcomes = cell.outcomes
    samples = outcomes.samples(OVERALL)
    overall = np.mean([sample.scores for sample in samples], axis=0).tolist() if samples else None
    return _Cell(
        name=outcomes.name,
        seeds=list(outcomes.seeds),
        keys=list(cell.keys),
        overall=overall,
        tasks={
            name: _Task(
                metric=task.metric,
                scores=None if task.sample is None else task.sample.scores.tolist(),
                examples=task.examples,
                count=0 if task.sample is None else task.sample.outcomes.shape[1],
            )
            for name, task in outcomes.tasks.items()
        },
        data={task: dict(splits) for task, splits in cell.data.items()},
    )


def _cell(place: int, record: _Cell, arrays: Mapping[str, NDArray[Any]]) -> Measured:
    tasks = {}
    for number, (name, task) in enumerate(record.tasks.items()):
        sample = None
        if task.scores is not None:
            shape = len(record.seeds), task.count
            sample = _unpacked(arrays[f"{place}.{number}"], task.scores, shape)
        tasks[name] = TaskOutcomes(task.metric, task.examples, sample)
    return Measured(CellOutcomes(record.name, record.seeds, tasks), record.keys, record.data)
