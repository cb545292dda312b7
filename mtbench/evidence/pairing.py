"""Pairing: whether the runs of one seed had the same first weights and the same order of data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mtbench.store import Identity, Result, canonical
from mtbench.store.records import Hashes
from mtbench.study.plan import PlannedCell


@dataclass(frozen=True)
class _Digest:
    """What a run recorded of something that is the same in all cells of a seed.

    Attributes:
        what: it is of, in words.
        origin: all that may make it differ, seed aside; digests are compared where this is equal.
    """

    what: str
    origin: str
    cell: str
    seed: int
    digest: str


def unpaired(cells: Sequence[PlannedCell], results: Mapping[str, Result]) -> Iterator[str]:
    """Yield what keeps the cells of a table from being paired by their seeds, as remarks.

    The same seed gives each module the same first weights wherever its configuration is the same
    (dropout aside, which shapes no weight), and each task's data the same order wherever they are
    the same share of the same data. A head is compared where the encoder is the same too, since
    that decides its shape.

    Args:
        cells: of the plan.
        results: of the stored runs, by key.
    """
    stored = [
        (cell, run.seed, results[run.key].hashes)
        for cell in cells
        for run in cell.runs
        if run.key in results
    ]
    for recorded in (_weights, _orders):
        yield from _differences(digest for run in stored for digest in recorded(*run))


def _weights(cell: PlannedCell, seed: int, hashes: Hashes) -> Iterator[_Digest]:
    for module, digest in hashes.initial_weights.items():
        origin = canonical(_making(cell.identity, module))
        yield _Digest(f"the first weights of {module}", origin, cell.name, seed, digest)


def _making(identity: Identity, module: str) -> list[Any]:
    """Return what decides a module's first weights, seed aside."""
    config, code = identity.config, identity.code
    parts: list[Any] = [identity.weights, _shape(config["encoder"]), code["encoder"]]
    _, _, task = module.partition(".")
    if task:
        parts += [_shape(config["heads"][task]), code[module]]
        parts += [config["tasks"][task], code[f"tasks.{task}"]]
    return parts


def _shape(component: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in component.items() if key != "dropout"}


def _orders(cell: PlannedCell, seed: int, hashes: Hashes) -> Iterator[_Digest]:
    identity = cell.identity
    for task, digest in hashes.order.items():
        origin = canonical([identity.data[task]["train"], identity.config["data"]["fraction"]])
        yield _Digest(f"the order of the data of {task}", origin, cell.name, seed, digest)


def _differences(digests: Iterable[_Digest]) -> Iterator[str]:
    """Yield a remark for each thing and the cells that differ from the first one in it."""
    firsts: dict[tuple[str, str, int], _Digest] = {}
    unequal: dict[tuple[str, str], tuple[dict[str, None], set[int]]] = {}
    for digest in digests:
        first = firsts.setdefault((digest.what, digest.origin, digest.seed), digest)
        if first.digest != digest.digest:
            names, seeds = unequal.setdefault((digest.what, first.cell), ({}, set()))
            names[digest.cell] = None
            seeds.add(digest.seed)
    for (what, cell), (names, seeds) in unequal.items():
        which = f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, sorted(seeds)))}"
        verb = "differ" if len(names) > 1 else "differs"
        yield f"not paired: {'; '.join(names)} {verb} from {cell} in {what} ({which})"
