"""Remarks: what was odd about the runs behind a table."""

from collections.abc import Iterator, Mapping, Sequence

from mtbench.board.reading import UNTRAINED
from mtbench.data.report import KINDS
from mtbench.errors import SHOWN
from mtbench.evidence.outcomes import CellOutcomes
from mtbench.evidence.pairing import unpaired
from mtbench.store import Request, Result
from mtbench.study.plan import Plan


def remarks(
    plan: Plan, results: Mapping[str, Result], requests: Sequence[Request]
) -> Iterator[str]:
    """Yield what a reader must know to read the table right.

    Args:
        results: of the runs that are stored, by key.
        requests: of the same.
    """
    done = [*results.values()]
    if not done:
        return
    if any(result.untrained for result in done):
        yield (
            f"{UNTRAINED} untrained: the task gave no batch, so its head kept its first weights; "
            "the score counts towards overall and rank, as in the paper, but says nothing of the "
            "task"
        )
    if len(plan.seeds) == 1:
        yield (
            "one seed: no ranks, since a difference between rows may be the seed's as well as "
            "the cell's"
        )
    steps = sorted({result.cost.steps for result in done})
    if len(steps) > 1:
        yield f"unequal budget: the cells took from {steps[0]} to {steps[-1]} optimiser steps"
    evaluations = sorted({result.evaluations for result in done})
    if evaluations[-1] > 1:
        yield "selected on dev: each run is the best of several evaluations on dev"
    if len(evaluations) > 1:
        yield (
            f"unequal selection: the runs chose among {evaluations[0]} to {evaluations[-1]} "
            "evaluations, which favours those with more"
        )
    yield from _rows_left_out(done)
    yield from _texts(done)
    mixed = _differing(
        [*(_versions(request) for request in requests), *(r.arithmetic for r in done)]
    )
    if mixed:
        yield f"mixed versions: the runs were made with different {', '.join(mixed)}"
    yield from unpaired(plan.cells, results)
    yield from _same_cells(plan)
    yield from _equal_cells(plan, results)
    yield from dict.fromkeys(
        caveat
        for cell in plan.cells
        if any(run.key in results for run in cell.runs)
        for caveat in cell.caveats
    )
    yield from (f"{cell.name}: {cell.named.note}" for cell in plan.cells if cell.named.note)


def one_class(plan: Plan, outcomes: Sequence[CellOutcomes | None]) -> Iterator[str]:
    """Yield the cells whose runs give one class for every example of a task's dev set.

    Args:
        outcomes: what the plan's cells made of dev; None for nothing.
    """
    constant: dict[str, list[str]] = {}
    for cell, of_dev in zip(plan.cells, outcomes, strict=True):
        if of_dev is None:
            continue
        for name, task in of_dev.tasks.items():
            if task.constant and cell.tasks[name].info.classes is not None:
                some, seeds = len(task.constant), len(of_dev.seeds)
                runs = f" ({some} of {seeds} seeds)" if some < seeds else ""
                constant.setdefault(name, []).append(f"{cell.name}{runs}")
    for name, cells in constant.items():
        more = f"; {len(cells) - SHOWN} more" if len(cells) > SHOWN else ""
        yield f"{name} predicts one class only: {'; '.join(cells[:SHOWN])}{more}"


def _rows_left_out(done: Sequence[Result]) -> Iterator[str]:
    """Yield the broken rows that runs did without, the most of any run."""
    most: dict[tuple[str, str], int] = {}
    for result in done:
        for task, splits in result.left_out.items():
            for split, count in splits.items():
                most[task, split] = max(count, most.get((task, split), 0))
    for (task, split), count in most.items():
        if count:
            yield (
                f"{task}: {count} broken row(s) of {split} left out "
                "('mtbench data status MATRIX' lists them)"
            )


def _texts(done: Sequence[Result]) -> Iterator[str]:
    """Yield a remark a kind of text that runs met, with the most of any run."""
    for kind, said in KINDS.items():
        occurring: dict[str, dict[str, set[tuple[int, int]]]] = {}
        for result in done:
            for task, splits in result.texts.items():
                for split, texts in splits.items():
                    of_split = occurring.setdefault(task, {}).setdefault(split, set())
                    of_split.add((getattr(texts, kind) or 0, texts.examples))
        tasks = {
            task: [
                f"{split} {'up to ' * (len(runs) > 1)}{number:,} of {examples:,}"
                for split, runs in splits.items()
                for number, examples in [max(runs)]
                if number
            ]
            for task, splits in occurring.items()
        }
        named = [f"{task} {', '.join(splits)}" for task, splits in tasks.items() if splits]
        if named:
            yield f"examples {said}: {'; '.join(named)}"


def _versions(request: Request) -> dict[str, str]:
    """Return the versions of packages and of the plugins' distributions."""
    providers = (provider.rpartition(" ") for provider in request.providers.values())
    # The harness says its own: that of an editable installation is the one it was installed with.
    return {**{name: version for name, _, version in providers if name}, **request.versions}


def _differing(records: Sequence[Mapping[str, str]]) -> list[str]:
    """Return the keys under which two records that have them hold different values."""
    values: dict[str, set[str]] = {}
    for record in records:
        for key, value in record.items():
            values.setdefault(key, set()).add(value)
    return sorted(key for key, different in values.items() if len(different) > 1)


def _equal_cells(plan: Plan, results: Mapping[str, Result]) -> Iterator[str]:
    """Yield cells that differ, and whose runs gave the same numbers from the same batches."""
    names: dict[str, dict[str, str]] = {}
    for cell in plan.cells:
        stored = [results[run.key] for run in cell.runs if run.key in results]
        if stored and not any(run.state == "failed" for run in cell.runs):
            outcome = repr([(r.hashes.batches, r.scores.dev) for r in stored])
            names.setdefault(outcome, {})[cell.runs[0].key] = cell.name
    for same in names.values():
        if len(same) > 1:
            yield (
                "the same batches and the same numbers, so what they differ in never came "
                f"into play: {'; '.join(same.values())}"
            )


def _same_cells(plan: Plan) -> Iterator[str]:
    """Yield the names under which one and the same cell stands in the table."""
    names: dict[str, list[str]] = {}
    for cell in plan.cells:
        if cell.runs and cell.runs[0].key:
            names.setdefault(cell.runs[0].key, []).append(cell.name)
    for same in names.values():
        if len(same) > 1:
            yield f"one cell under {len(same)} names, trained once: {'; '.join(same)}"
