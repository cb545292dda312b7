"""The gradients of a step of several tasks, from token ids to the update, on minBERT."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from mtbench.combination import Combiner
from mtbench.components.registry import Registry
from mtbench.gradients.oracle import GradientOracle, Portion
from mtbench.gradients.segments import Segments
from mtbench.matrix.configuration import overlay
from mtbench.model.model import MultiTaskModel
from mtbench.specs import Needs
from mtbench.study.resolution import Resolver
from mtbench.training.assembly import assemble
from mtbench.training.examples import TokenisedExamples, tokenise

SIZES = {"sst": 6, "pd": 8, "sts": 5}
ORDER_SEED = 11

Ranges = Mapping[str, range]
WHOLE: Ranges = {task: range(size) for task, size in SIZES.items()}

CELLS: dict[str, dict[str, Any]] = {
    "heads by default": {},
    "joined pairs": {"heads.pd.pair": "joined", "heads.sts.pair": "joined"},
    "a pooling each": {
        "heads.sst.pooling": "cls",
        "heads.pd.pooling": "mean",
        "heads.sts": {"name": "cosine", "pooling": "pooler"},
    },
    "attention": {f"heads.{task}.pooling": "attention" for task in SIZES},
}


# --- the engine -------------------------------------------------------------------------------


class Engine:
    """The shipped BERT without dropout and its heads, in float64, and some examples a task."""

    def __init__(
        self, small: dict[str, Any], changes: Mapping[str, Any], data: Path | None = None
    ) -> None:
        self._small = small
        self._changes = {"encoder": {"name": "tiny", "dropout": 0.0}, "train.dropout": 0.0}
        self._changes |= changes
        resolved = self._resolved("sum")
        parts = assemble(resolved, seed=0)
        self.model: MultiTaskModel = parts.model.double().train()
        self.examples: dict[str, TokenisedExamples] = {}
        for task, entry in resolved.tasks.items():
            head, loaded = self.model.tasks[task], entry.task.load("dev", data)
            first = replace(
                loaded,
                ids=loaded.ids[: SIZES[task]],
                texts=loaded.texts[: SIZES[task]],
                labels=loaded.labels[: SIZES[task]],
            )
            self.examples[task] = tokenise(first, parts.tokenizer, head.info, head.pair)
        self.passes = 0
        self.model.encoder.register_forward_hook(self._count)

    def _resolved(self, combiner: str) -> Any:
        changes = {**self._changes, "combiner": combiner}
        resolved = Resolver(Registry.load()).resolve(overlay(self._small, changes))
        assert resolved.rejection is None, resolved.rejection
        return resolved

    def _count(self, *_: Any) -> None:
        self.passes += 1

    def oracle(self, combiner: str, *, segments: bool) -> GradientOracle:
        """Return an oracle with a combiner as it is registered, as the runner makes it."""
        resolved = self._resolved(combiner)
        needs: Needs = resolved.entries["combiner"].spec.needs
        joins: Combiner = assemble(resolved, seed=0).combiner
        return GradientOracle(
            joins,
            needs,
            self.model.shared_parameters(),
            self.model.head_parameters(),
            torch.Generator().manual_seed(ORDER_SEED),
            segments=Segments(self.model.encoder) if segments else None,
        )

    def step(self, oracle: GradientOracle, parts: Mapping[str, Sequence[range]]) -> Tensor:
        """Take a step over portions of the tasks' examples, and return the shared gradient [n]."""
        portions = {
            task: [
                Portion(self.examples[task].batch(part), len(part) / sum(map(len, of_task)))
                for part in of_task
            ]
            for task, of_task in parts.items()
        }
        oracle.step(self.model.losses, portions, step=0, total_steps=1)
        return flat([p.grad for p in self.shared()], self.shared())

    def plain(self, ranges: Ranges) -> Tensor:
        """Return the tasks' gradients [m, n] by autograd, each task by itself."""
        rows = []
        for task, part in ranges.items():
            loss = self.model.losses({task: self.examples[task].batch(part)})[task]
            rows.append(
                flat(torch.autograd.grad(loss, self.shared(), allow_unused=True), self.shared())
            )
        return torch.stack(rows)

    def plain_heads(self, ranges: Ranges) -> list[Tensor]:
        """Return the gradients of the heads' parameters by autograd."""
        losses = self.model.losses({t: self.examples[t].batch(part) for t, part in ranges.items()})
        heads = self.model.head_parameters()
        return list(torch.autograd.grad(torch.stack([*losses.values()]).sum(), heads))

    def shared(self) -> list[torch.nn.Parameter]:
        return self.model.shared_parameters()


def flat(gradients: Sequence[Tensor | None], parameters: Sequence[Tensor]) -> Tensor:
    """Return gradients as one vector, with zeros for those that are missing."""
    return torch.cat(
        [
            torch.zeros(p.numel(), dtype=p.dtype) if g is None else g.detach().flatten()
            for g, p in zip(gradients, parameters, strict=True)
        ]
    )


def surgery(jacobian: Tensor, generator: torch.Generator) -> Tensor:
    """Return PCGrad's update by algorithm 1 of its paper, on the vectors themselves."""
    tasks = len(jacobian)
    orders = [torch.randperm(tasks, generator=generator).tolist() for _ in range(tasks)]
    total = torch.zeros_like(jacobian[0])
    for task, order in enumerate(orders):
        projected = jacobian[task].clone()
        for other in order:
            inner = projected @ jacobian[other]
            if other != task and inner < 0:
                projected -= inner / (jacobian[other] @ jacobian[other]) * jacobian[other]
        total += projected
    return total


def difference(found: Tensor, expected: Tensor) -> float:
    """Return the largest difference, relative to the largest entry."""
    return ((found - expected).abs().max() / expected.abs().max()).item()


# --- one step ---------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", CELLS.values(), ids=CELLS)
def test_one_pass_gives_the_sum_and_surgery_of_the_tasks_own_gradients(
    small: dict[str, Any], changes: dict[str, Any]
) -> None:
    assert_updates(Engine(small, changes))


def test_one_pass_gives_them_on_real_sentences(small: dict[str, Any], cs224n: Path) -> None:
    assert_updates(Engine(small, {"tasks": ["sst", "pd", "sts"]}, cs224n))


def assert_updates(engine: Engine) -> None:
    jacobian, of_heads = engine.plain(WHOLE), engine.plain_heads(WHOLE)
    projected = surgery(jacobian, torch.Generator().manual_seed(ORDER_SEED))
    total = jacobian.sum(dim=0)
    assert difference(total, projected) > 1e-3  # there is something to project
    for combiner, expected in (("sum", total), ("pcgrad", projected)):
        engine.passes = 0
        update = engine.step(
            engine.oracle(combiner, segments=True), {t: [r] for t, r in WHOLE.items()}
        )
        assert engine.passes == 1
        assert difference(update, expected) < (1e-9 if combiner == "sum" else 1e-6)
        for parameter, gradient in zip(engine.model.head_parameters(), of_heads, strict=True):
            torch.testing.assert_close(parameter.grad, gradient, rtol=0, atol=1e-10)
        names = {n for n, p in engine.model.encoder.named_parameters() if p.grad is None}
        used = any(head.pooling == "pooler" for head in engine.model.tasks.values())
        assert names == (set() if used else {"pooler.weight", "pooler.bias"})


def test_task_by_task_pcgrad_has_the_same_update(small: dict[str, Any]) -> None:
    engine = Engine(small, {})
    parts = {task: [part] for task, part in WHOLE.items()}
    one, other = (
        engine.step(engine.oracle("pcgrad", segments=segments), parts).clone()
        for segments in (True, False)
    )
    assert difference(one, other) < 1e-9


def test_pcgrad_over_micro_batches(small: dict[str, Any]) -> None:
    engine = Engine(small, {})
    expected = surgery(engine.plain(WHOLE), torch.Generator().manual_seed(ORDER_SEED))
    engine.passes = 0
    cuts = {
        task: [range(i, min(i + 3, size)) for i in range(0, size, 3)]
        for task, size in SIZES.items()
    }
    assert [len(parts) for parts in cuts.values()] == [2, 3, 2]

    update = engine.step(engine.oracle("pcgrad", segments=True), cuts)

    assert engine.passes == 3
    assert difference(update, expected) < 1e-6


# --- several steps ----------------------------------------------------------------------------

STEPS: list[dict[str, range]] = [
    {"sst": range(3), "pd": range(4), "sts": range(2)},
    {"pd": range(4, 8)},
    {"sts": range(2, 5), "sst": range(3, 6)},
    {"sst": range(3), "pd": range(2, 5), "sts": range(1, 3)},
]


def test_steps_of_different_tasks_leave_nothing_behind(small: dict[str, Any]) -> None:
    engine = Engine(small, {})
    oracle = engine.oracle("pcgrad", segments=True)
    generator = torch.Generator().manual_seed(ORDER_SEED)
    for ranges in STEPS:
        expected = surgery(engine.plain(ranges), generator)
        update = engine.step(oracle, {task: [part] for task, part in ranges.items()})
        assert difference(update, expected) < 1e-6
        with torch.no_grad():  # a step, and clipping in place as the optimiser does it
            for parameter in engine.shared():
                if parameter.grad is not None:
                    parameter.sub_(parameter.grad.mul_(1e-3))
