"""Remarks: what a reader of the gate's report must know beside the numbers."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping

from mtbench.errors import first
from mtbench.gate.baseline import Baseline, environment
from mtbench.gate.obstacles import ungated
from mtbench.gate.regression import gated
from mtbench.matrix.gating import Gate
from mtbench.store import Request
from mtbench.study.plan import Plan
from mtbench.study.requests import versions as installed_versions


def remarks(
    plan: Plan, then: Baseline, gate: Gate, before: Container[str], *, other: str | None = None
) -> Iterator[str]:
    """Yield what differs from the baseline, and what is not measured.

    Args:
        before: keys of the runs that were stored before the gate was called.
        other: the matrix file that the baseline was made of, where it is another one.
    """
    if other is not None or plan.title != then.title:
        file = "" if other is None else f" ({other})"
        yield f"the baseline is that of {then.title!r}{file}, and this is {plan.title!r}"
    if gate != then.gate:
        yield "[gate] is not what it was when the baseline was written; today's is used"
    now = environment(plan)
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
    yield from _stored_before(plan, before)
    yield from unmeasured(plan, then, gate)


def unmeasured(plan: Plan, then: Baseline | None, gate: Gate) -> Iterator[str]:
    """Name the cells that have none of the gated metrics."""
    if names := ungated(plan, {} if then is None else then.cells, gate):
        count = f"{len(names)} cell is" if len(names) == 1 else f"{len(names)} cells are"
        metrics = ", ".join(gate.metrics)
        yield f"{count} not gated, without any metric of [gate] ({metrics}): {first(names)}"


def undefined(made: Baseline) -> Iterator[str]:
    """Name the gated metrics that are undefined in a baseline."""
    names = [
        f"{metric} of {name}"
        for name, cell in made.cells.items()
        for metric in gated(made.gate, cell)
        if cell.outcomes.samples(metric) is None
    ]
    if names:
        yield f"undefined, so that no check can judge it: {first(names)}"


def _other_keys(plan: Plan, then: Baseline) -> Iterator[str]:
    """Say of how many runs the key is another than in the baseline."""
    other: dict[str, int] = {}
    total = 0
    for cell in plan.cells:
        if (was := then.cells.get(cell.name)) is None:
            continue
        earlier = dict(zip(was.outcomes.seeds, was.keys, strict=False))
        keys = [(run.key, earlier[run.seed]) for run in cell.runs if run.seed in earlier]
        total += len(keys)
        if count := sum(now != once for now, once in keys):
            other[cell.name] = count
    if other:
        yield (
            f"{sum(other.values())} of {total} runs have other keys than in the baseline, since "
            f"settings, data or source changed: {first([*other])}"
        )


def _stored_before(plan: Plan, before: Container[str]) -> Iterator[str]:
    """Say how many runs were not trained now, and with other versions than are installed."""
    runs = plan.runs("done")
    installed = installed_versions()
    different = [
        versions
        for _, run in runs
        if run.key in before and (versions := _different(run.folder.request(), installed))
    ]
    if different:
        listed = list(dict.fromkeys(text for texts in different for text in texts))
        yield (
            f"{len(different)} of {len(runs)} runs were stored before this call, by other "
            f"versions than are installed, of which they tell nothing: {first(listed)}"
        )


def _different(request: Request, installed: Mapping[str, str]) -> list[str]:
    """Return the versions of a stored run that are not those installed, in words."""
    return [
        f"{name} {value} stored, {installed.get(name, 'none')} installed"
        for name, value in request.versions.items()
        if installed.get(name) != value
    ]
