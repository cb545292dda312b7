"""Remarks: what a reader of the gate's report must know beside the numbers."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence

from mtbench.gate.baseline import Baseline, environment
from mtbench.gate.obstacles import ungated
from mtbench.gate.regression import gated
from mtbench.matrix.gating import Gate
from mtbench.store import REQUEST, Store
from mtbench.study.plan import Plan
from mtbench.study.requests import versions

TOLD = 3
"""Cells that a remark names."""


def remarks(
    plan: Plan, then: Baseline, gate: Gate, store: Store, before: Container[str]
) -> Iterator[str]:
    """Yield what differs from the baseline, and what is not measured.

    Args:
        before: keys of the runs that were stored before the gate was called.
    """
    if plan.title != then.title:
        yield f"the baseline is that of {then.title!r}, and this is {plan.title!r}"
    if gate != then.gate:
        yield "[gate] is not what it was when the baseline was written; today's is used"
    now = environment([run.key for _, run in plan.runs("done")], store)
    # Of two measurements that must agree in every digit, what is not known is to be told too.
    unknown = "unknown" if gate.mode == "exact" else None
    changed = [
        f"{name} {was} then, {value} now"
        for name, value in now.items()
        if (was := then.environment.get(name, unknown)) not in (None, value)
    ]
    if changed:
        yield f"environment: {'; '.join(changed)}"
    yield from _other_keys(plan, then)
    yield from _stored_before(plan, store, before)
    yield from unmeasured(plan, then, gate)


def unmeasured(plan: Plan, then: Baseline | None, gate: Gate) -> Iterator[str]:
    """Name the cells that have none of the gated metrics."""
    if names := ungated(plan, {} if then is None else then.cells, gate):
        count = f"{len(names)} cell is" if len(names) == 1 else f"{len(names)} cells are"
        metrics = ", ".join(gate.metrics)
        yield f"{count} not gated, without any metric of [gate] ({metrics}): {_shortened(names)}"


def undefined(made: Baseline) -> Iterator[str]:
    """Name the gated metrics that are undefined in a baseline."""
    names = [
        f"{metric} of {name}"
        for name, cell in made.cells.items()
        for metric in gated(made.gate, cell)
        if cell.outcomes.samples(metric) is None
    ]
    if names:
        yield f"undefined, so that no check can judge it: {_shortened(names)}"


def _other_keys(plan: Plan, then: Baseline) -> Iterator[str]:
    """Say of how many runs the key is another than in the baseline."""
    other: dict[str, int] = {}
    total = 0
    for cell in plan.cells:
        if (was := then.cells.get(cell.name)) is None:
            continue
        known = dict(zip(was.outcomes.seeds, was.keys, strict=False))
        keys = [(run.key, known[run.seed]) for run in cell.runs if run.seed in known]
        total += len(keys)
        if count := sum(now != once for now, once in keys):
            other[cell.name] = count
    if other:
        yield (
            f"{sum(other.values())} of {total} runs have other keys than in the baseline, since "
            f"settings, data or source changed: {_shortened([*other])}"
        )


def _stored_before(plan: Plan, store: Store, before: Container[str]) -> Iterator[str]:
    """Say how many runs were not trained now, and with other versions than are installed."""
    runs = plan.runs("done")
    installed = versions()
    found = [
        different
        for _, run in runs
        if run.key in before and (different := _different(run.key, store, installed))
    ]
    if found:
        told = list(dict.fromkeys(text for texts in found for text in texts))
        yield (
            f"{len(found)} of {len(runs)} runs were stored before this call, by other versions "
            f"than are installed, of which they tell nothing: {_shortened(told)}"
        )


def _different(key: str, store: Store, installed: Mapping[str, str]) -> list[str]:
    """Return the versions of a stored run that are not those installed, in words."""
    request = store.run(key).read(REQUEST) or {}
    return [
        f"{name} {value} stored, {installed.get(name, 'none')} installed"
        for name, value in request.get("versions", {}).items()
        if installed.get(name) != value
    ]


def _shortened(names: Sequence[str]) -> str:
    """Name the first few."""
    more = f"; and {len(names) - TOLD} more" if len(names) > TOLD else ""
    return "; ".join(names[:TOLD]) + more
