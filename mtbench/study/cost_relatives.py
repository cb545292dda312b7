"""Cost relatives: the stored runs and timings that tell most of what runs of a cell will take."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from typing import Any, Literal, NamedTuple

from mtbench.matrix.configuration import SECTIONS, SLOTS, Mark, marked
from mtbench.store import Identity, Result, StoredTiming
from mtbench.study.schedule import batch_sizes

Grade = Literal["runs", "timing", "similar", "scaled", "rough"]
"""By what a run is known: its cell was trained, or timed; so was a cell that costs as much; or one
that has another budget or other evaluations, which are reckoned; or one that differs otherwise."""

SCALED = frozenset({"train.steps", "train.epochs", "train.evaluations", "data.fraction"})
"""Settings that change what a run costs in a way that can be reckoned."""


@dataclass(frozen=True)
class Breakdown:
    """What the parts of a run take, its own process at work.

    Attributes:
        starting: seconds until the first step.
        training: seconds of all steps.
        evaluation: seconds of all evaluations, and of what is left to do after the last one.
        steps, evaluations: how many.
    """

    starting: float
    training: float
    evaluation: float
    steps: float
    evaluations: float

    @classmethod
    def of_result(cls, result: Result) -> Breakdown:
        """Return that of a stored run, from its result."""
        seconds = result.cost.seconds
        starting = seconds.total - seconds.training - seconds.evaluation
        parts = starting, seconds.training, seconds.evaluation
        return cls(*parts, result.cost.steps, result.evaluations)

    @classmethod
    def of_timing(cls, stored: StoredTiming) -> Breakdown:
        """Return that of a run as a stored timing reckons it."""
        timing = stored.timing
        training = timing.run_s - timing.loading_s - timing.evaluation_s
        evaluations = min(stored.identity.config["train"]["evaluations"], timing.run_steps)
        parts = timing.loading_s, training, timing.evaluation_s
        return cls(*parts, timing.run_steps, evaluations)

    @property
    def seconds(self) -> float:
        """All of them together."""
        return self.starting + self.training + self.evaluation

    def times(self, factor: float) -> Breakdown:
        """Return the same parts, each so many times as long."""
        return replace(
            self,
            starting=factor * self.starting,
            training=factor * self.training,
            evaluation=factor * self.evaluation,
        )

    def scaled(self, then: Mapping[str, Any], now: Mapping[str, Any]) -> Breakdown:
        """Return it for another budget, batch size, fraction of the data or other evaluations.

        A step is taken to cost as much as the examples in it.

        Args:
            then: the configuration of the run that it is of.
            now: that of the run that it shall be of, whose budget is of the same kind or steps.
        """
        larger = _batch_size(now) / _batch_size(then)
        steps = now["train"]["steps"]
        if steps is None:
            data = _fraction(now) / _fraction(then)
            epochs = now["train"]["epochs"] / then["train"]["epochs"]
            steps = self.steps * data * epochs / larger
        evaluations = min(now["train"]["evaluations"], steps)
        return Breakdown(
            self.starting,
            self.training / self.steps * steps * larger,
            self.evaluation / self.evaluations * evaluations,
            steps,
            evaluations,
        )


def mean(breakdowns: Iterable[Breakdown]) -> Breakdown:
    """Return the mean of at least one, part by part."""
    parts = zip(*map(astuple, breakdowns), strict=True)
    return Breakdown(*map(statistics.fmean, parts))


def _batch_size(config: Mapping[str, Any]) -> float:
    return statistics.fmean(batch_sizes(config["train"], config["tasks"]).values())


def _fraction(config: Mapping[str, Any]) -> float:
    return float(config["data"]["fraction"])


@dataclass
class Family:
    """Cells that cost about the same: what was measured of them, and the first one's identity."""

    cell: str
    identity: Identity
    runs: list[Breakdown] = field(default_factory=list)
    timings: list[Breakdown] = field(default_factory=list)

    @property
    def took(self) -> Breakdown:
        """What a run of one of the cells takes: what was trained tells more than a timing."""
        return mean(self.runs or self.timings)


class Evidence(NamedTuple):
    """What tells what a run of a cell takes.

    Attributes:
        relative: the cell of another family that it is reckoned from; empty for its own.
        differs: what of the two costs something and is not the same, such as ``"combiner"``.
    """

    grade: Grade
    took: Breakdown
    relative: str = ""
    differs: tuple[str, ...] = ()


class CostRelatives:
    """Finds among families the one that is nearest to a cell."""

    def __init__(self, families: Sequence[Family]) -> None:
        import numpy as np  # a tenth of a second, of which a plan without any needs nothing

        self._families = families
        leaves = [dict(cost_leaves(family.identity)) for family in families]
        # A row a parameter, and one a part for parameters that no family has; a column a family.
        paths = {path for family in leaves for path in family}
        ordered = sorted(paths | {(part, "") for part, _ in paths})
        self._rows = {path: number for number, path in enumerate(ordered)}
        self._codes: dict[Any, int] = {}
        rows = [[self._code(family.get(path)) for family in leaves] for path in ordered]
        self._table = np.array(rows, dtype=np.int32)
        parts = [part for part, _ in ordered]
        self._parts = [
            slice(parts.index(part), parts.index(part) + parts.count(part))
            for part in dict.fromkeys(parts)
            if part not in SCALED
        ]
        self._epochs = np.array([_epochs(family.identity) is not None for family in families])
        self._timed = np.array([not family.runs for family in families], dtype=np.int64)

    def nearest(self, identity: Identity) -> Evidence | None:
        """Return the family that differs in the fewest parts, and in them the least.

        What can be reckoned with counts less than what cannot. None where no family has a budget
        that can be reckoned with: of steps, nobody knows here how many an epoch has.
        """
        usable = self._epochs | (_epochs(identity) is None)
        if not usable.any():
            return None
        import numpy as np

        leaves = dict(cost_leaves(identity))
        asked = np.full((len(self._rows), 1), self._code(None), dtype=np.int32)
        for path, value in leaves.items():
            if path in self._rows:
                asked[self._rows[path]] = self._codes.get(value, -1)
            elif (path[0], "") in self._rows:
                asked[self._rows[path[0], ""]] = -1
        unequal = self._table != asked
        unequal_parts = sum(unequal[part].any(axis=0) for part in self._parts)
        distance = (unequal_parts * len(asked) + unequal.sum(axis=0)) * 2 + self._timed
        nearest = self._families[np.where(usable, distance, distance.max() + 1).argmin()]
        theirs = dict(cost_leaves(nearest.identity))
        differing = [p for p in {**theirs, **leaves} if theirs.get(p) != leaves.get(p)]
        differs = tuple(dict.fromkeys(part for part, _ in differing))
        if not differs:
            return Evidence("similar", nearest.took)
        took = nearest.took.scaled(nearest.identity.config, identity.config)
        grade: Grade = "scaled" if SCALED.issuperset(differs) else "rough"
        return Evidence(grade, took, nearest.cell, differs)

    def _code(self, value: str | None) -> int:
        return self._codes.setdefault(value, len(self._codes))


def cost_leaves(identity: Identity) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield what decides the cost of a cell's runs for the most part: part, parameter, value.

    Heads and the likes of a learning rate are left out.
    """
    config = identity.config
    for part in ("numerics", "device"):
        yield (part, "value"), repr(getattr(identity, part))
    for slot in SLOTS:
        for key, value in config[slot].items():
            yield (slot, key), repr(value)
    yield ("encoder", "weights"), repr(identity.weights)
    for task, parameters in config["tasks"].items():
        for key, value in parameters.items():
            yield ("tasks", f"{task}.{key}"), repr(value)
    for task, fingerprints in identity.data.items():
        yield ("tasks", f"{task} data"), repr(sorted(fingerprints.items()))
    for section in SECTIONS:
        cheap = marked(section, Mark.CHEAP)
        for key, value in config[section].items():
            if value is not None and key not in cheap:
                yield (f"{section}.{key}", "value"), repr(value)


def _epochs(identity: Identity) -> Any:
    return identity.config["train"]["epochs"]
