"""The files of a baseline, which are committed beside the matrix.

``baseline.json`` is for people and for the record: scores, runs' keys, fingerprints, environment.
``baseline.npz`` holds what the runs made of each example, as numbers without text, id or label:
what is 0 or 1 in packed bits, pseudo-values as 32-bit floats. The same outcomes give the same
bytes of it.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from mtbench.components.validation import validate
from mtbench.errors import NothingToCompare, UsageError
from mtbench.evidence.outcomes import OVERALL, CellOutcomes, TaskOutcomes
from mtbench.evidence.statistics import Array, Sample
from mtbench.gate.baseline import Baseline, Measured
from mtbench.matrix.gating import Gate
from mtbench.matrix.origin import check_origin
from mtbench.store import digest_without
from mtbench.store.arrays import read_arrays
from mtbench.system.files import as_text, parse_object, read_file, reason_of
from mtbench.system.outputs import check_writable, write_bytes

FORMAT = 1
"""Raised by hand when the files change; older ones are refused."""

SCORES = "baseline.json"
OUTCOMES = "baseline.npz"


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


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
    """All of ``baseline.json``, with its own SHA-256 and that of the outcomes beside it.

    ``matrix_file`` is the origin (``matrix.origin``), empty in a file of before there was one.
    """

    format: int
    matrix: str
    matrix_file: str = ""
    date: str
    device: str
    environment: dict[str, str]
    gate: Gate
    outcomes: str
    cells: list[_Cell]
    digest: str


def check_place(folder: Path, matrix: Path) -> None:
    """Make a folder, and make sure that both files of a matrix can be written there.

    Raises:
        UsageError: if not, or if the baseline of another matrix lies there.
    """
    try:
        table = parse_object(read_file(folder / SCORES))
    except (OSError, ValueError):
        pass  # there is none, or one that is lost already
    else:
        check_origin(
            str(table.get("matrix_file", "")),
            matrix,
            folder / SCORES,
            what="baseline",
            way_out="keep one of them elsewhere (--baseline DIR), or give it a folder of its own",
        )
    for name in (SCORES, OUTCOMES):
        check_writable(folder / name)


def write(folder: Path, baseline: Baseline, *, matrix_file: str = "") -> list[Path]:
    """Write both files, or none, and return them.

    Args:
        matrix_file: the origin of the baseline.

    Raises:
        UsageError: if they cannot be written.
    """
    arrays = io.BytesIO()
    named: dict[str, Any] = dict(_arrays(baseline))
    np.savez(arrays, **named)
    record = _File(
        format=FORMAT,
        matrix=baseline.title,
        matrix_file=matrix_file,
        date=baseline.date,
        device=baseline.device,
        environment=dict(baseline.environment),
        gate=baseline.gate,
        outcomes=hashlib.sha256(arrays.getvalue()).hexdigest(),
        cells=[_record(cell) for cell in baseline.cells.values()],
        digest="",
    ).model_dump()
    record["digest"] = digest_without(record, "digest")
    files = {folder / SCORES: as_text(record).encode(), folder / OUTCOMES: arrays.getvalue()}
    write_bytes(files)
    return list(files)


def read(folder: Path) -> Baseline:
    """Read both files.

    Raises:
        NothingToCompare: if there is no baseline, or it is none that this mtbench wrote: a file is
            torn or foreign, of another format, changed since, or they are not one pair.
    """
    file = folder / SCORES
    try:
        content = read_file(file)
    except FileNotFoundError:
        raise _unfit(file, "there is no baseline") from None
    except OSError as error:
        raise _unfit(file, f"cannot be read: {reason_of(error)}") from None
    try:
        table = parse_object(content)
    except ValueError as error:
        raise _unfit(file, f"cannot be read: {error}") from None
    if table.get("format") != FORMAT:
        raise _unfit(file, f"format {table.get('format')!r}, and this mtbench reads {FORMAT}")
    try:
        record = validate(_File, table, where=SCORES)
    except UsageError as error:
        raise _unfit(file.parent, str(error)) from None
    if record.digest != digest_without(table, "digest"):
        raise _unfit(file, "not as it was written")
    cells = _read_cells(folder / OUTCOMES, record)
    return Baseline(
        record.matrix,
        record.date,
        record.device,
        record.environment,
        record.gate,
        cells,
        record.matrix_file,
    )


def _unfit(file: Path, why: str) -> NothingToCompare:
    return NothingToCompare(f"{file}: {why}")


def _read_cells(file: Path, record: _File) -> dict[str, Measured]:
    try:
        content = read_file(file)
    except OSError as error:
        raise _unfit(file, f"cannot be read: {reason_of(error)}") from None
    if hashlib.sha256(content).hexdigest() != record.outcomes:
        raise _unfit(file, f"not what {SCORES} was written with")
    try:
        arrays = read_arrays(content)
        return {cell.name: _cell(place, cell, arrays) for place, cell in enumerate(record.cells)}
    except (ValueError, KeyError) as error:
        raise _unfit(file, f"does not fit {SCORES}: {error}") from None


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
    if bits and array.shape != (shape[0], -(-shape[1] // 8)):
        raise ValueError(f"bits {array.shape} for {shape}")
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
