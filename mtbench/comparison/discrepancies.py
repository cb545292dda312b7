"""Discrepancies: where the records of two cells' runs differ, and whether the runs are paired."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mtbench.comparison.subjects import ComparedCell
from mtbench.store import CHECKPOINT, Request, RunFolder, StoredResult

Values = Mapping[str, Any]
"""Of a run, by key."""

Agreement = Literal["same", "different", "other shape"]
"""Of two hashes; a module of another shape cannot have the same weights."""


@dataclass(frozen=True)
class Discrepancy:
    """A key under which two sides hold different values.

    Attributes:
        key: with dots, such as ``"heads.sts.name"``.
        a, b: JSON values; None where a side has none. Where the runs of a side differ, all its
            values, as a text.
    """

    key: str
    a: Any
    b: Any


@dataclass(frozen=True)
class Pairing:
    """What the compared runs have in common, seed by seed.

    Attributes:
        weights: first weights, by module that is in both.
        order: order of the training examples, by task that is in both.
        examples: of dev, by task that is in both.
    """

    weights: Mapping[str, Agreement]
    order: Mapping[str, Agreement]
    examples: Mapping[str, Agreement]


def configuration(a: ComparedCell, b: ComparedCell) -> list[Discrepancy]:
    """Return the settings that differ; where the data lie is none of them."""
    sides = ([_settings(request) for request in side.requests.values()] for side in (a, b))
    return _differing(*sides)


def environment(a: ComparedCell, b: ComparedCell) -> list[Discrepancy]:
    """Return what else differs.

    That is versions, machine and its arithmetic, device, data, ``NUMERICS``, source code.
    Provider, source and data of a component count where both have the same one in its place;
    that it is another one, the configuration tells.
    """
    of_a, of_b = (next(iter(side.requests.values())) for side in (a, b))
    parts = [
        part
        for part in of_a.providers
        if part in of_b.providers and _name(part, of_a) == _name(part, of_b)
    ]
    surroundings = (
        [_surroundings(parts, request) for request in side.requests.values()] for side in (a, b)
    )
    arithmetic = ([_arithmetic(result) for result in side.results.values()] for side in (a, b))
    return [*_differing(*surroundings), *_differing(*arithmetic)]


def _differing(a: Iterable[Values], b: Iterable[Values]) -> list[Discrepancy]:
    left, right = _gathered(a), _gathered(b)
    return [
        Discrepancy(key, _shown(left.get(key)), _shown(right.get(key)))
        for key in dict.fromkeys([*left, *right])
        if left.get(key) != right.get(key)
    ]


def _gathered(runs: Iterable[Values]) -> dict[str, list[Any]]:
    """Return the different values that the runs of a side have under each key, None aside."""
    gathered: dict[str, list[Any]] = {}
    for of_run in runs:
        for key, value in of_run.items():
            values = gathered.setdefault(key, [])
            if value is not None and value not in values:
                values.append(value)
    return {key: sorted(values, key=str) for key, values in gathered.items() if values}


def _shown(values: Sequence[Any] | None) -> Any:
    if not values:
        return None
    return values[0] if len(values) == 1 else " / ".join(map(str, values))


def _settings(request: Request) -> dict[str, Any]:
    return {key: value for key, value in _flat(request.config) if key != "data.dir"}


def _surroundings(parts: Sequence[str], request: Request) -> dict[str, Any]:
    identity = request.identity
    digests = dict(_flat(identity.data, "tasks."))
    return {
        **{f"version of {package}": version for package, version in request.versions.items()},
        **{f"plugin of {part}": request.providers.get(part) for part in parts},
        **{f"source of {part}": identity.code.get(part) for part in parts},
        **{
            f"{split} data of {task.removeprefix('tasks.')}": digest
            for task, _, split, digest in ((*key.rpartition("."), d) for key, d in digests.items())
            if task in parts
        },
        "checkpoint": identity.weights,
        "NUMERICS": identity.numerics,
        "device": request.device,
        **{f"machine, {part}": value for part, value in request.machine.items()},
        "data.dir": request.config["data"]["dir"],
    }


def _arithmetic(result: StoredResult) -> dict[str, Any]:
    return {f"arithmetic, {name}": value for name, value in result.arithmetic.items()}


def _name(part: str, request: Request) -> str:
    """Return the name of the component in a place, such as ``"heads.sts"``."""
    section, dot, task = part.partition(".")
    table = request.config[section]
    return str((table[task] if dot else table)["name"])


def _flat(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def pairing(a: ComparedCell, b: ComparedCell, seeds: Sequence[tuple[int, int]]) -> Pairing:
    """Return what pairs of runs have in common.

    Args:
        seeds: of the runs that are compared, A's and B's.
    """
    hashes = [(a.results[of_a].hashes, b.results[of_b].hashes) for of_a, of_b in seeds]
    first_weights = [(x.initial_weights, y.initial_weights) for x, y in hashes]
    modules_a, modules_b = (
        next(iter(side.results.values())).hashes.initial_weights for side in (a, b)
    )
    weights = {
        module: _agreement([(x[module], y[module]) for x, y in first_weights])
        for module in modules_a
        if module in modules_b
    }
    folders = [(a.runs[of_a], b.runs[of_b]) for of_a, of_b in seeds]
    for module, agreement in weights.items():
        if agreement == "different" and any(
            _shapes(of_a, module) != _shapes(of_b, module) for of_a, of_b in folders
        ):
            weights[module] = "other shape"
    tasks = [task for task in a.metrics if task in b.metrics]
    return Pairing(
        weights=weights,
        order={
            task: _agreement([(x.order[task], y.order[task]) for x, y in hashes]) for task in tasks
        },
        examples={
            task: "same"
            if a.outcomes.tasks[task].examples == b.outcomes.tasks[task].examples
            else "different"
            for task in tasks
        },
    )


def _agreement(digests: Sequence[tuple[str, str]]) -> Agreement:
    return "same" if all(of_a == of_b for of_a, of_b in digests) else "different"


def _shapes(folder: RunFolder, module: str) -> dict[str, list[int]] | None:
    """Return the shapes of a module's trained tensors; None where they cannot be read."""
    from safetensors import SafetensorError, safe_open

    section, _, task = module.partition(".")
    starts = (f"heads.{task}_head.", f"poolings.{task}_pooling.") if task else (f"{section}.",)
    try:
        with safe_open(folder.path / CHECKPOINT, framework="numpy") as file:
            names = [name for name in file.keys() if name.startswith(starts)]  # noqa: SIM118
            return {name: list(file.get_slice(name).get_shape()) for name in names}
    except (OSError, SafetensorError):  # its size fits; that it does not, ``evaluate`` will tell
        return None
