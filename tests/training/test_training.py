import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from mtbench.combination import CombineInput
from mtbench.components.registry import Registry
from mtbench.gradients.oracle import NonFiniteLoss
from mtbench.gradients.segments import Segments
from mtbench.matrix.configuration import overlay
from mtbench.model.model import MultiTaskModel, TaskBatch
from mtbench.protocols import Step
from mtbench.study.resolution import Resolver
from mtbench.training.assembly import assemble
from mtbench.training.examples import TokenisedExamples, tokenise
from mtbench.training.training import Trainer, TrainingRecord

EVERY: Step = {"sst": 4, "pd": 4, "sts": 4}
QUIET = {"train.dropout": 0.0, "encoder.dropout": 0.0}


class Laid:
    """A balancer of steps that are laid out already."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = steps

    def steps(self, *_: object) -> Sequence[Step]:
        return self._steps


class Training:
    """A small model and its data, trained along any steps."""

    def __init__(self, config: Mapping[str, Any], seed: int, *, by_segments: bool = True) -> None:
        self.seed = seed
        self.resolved = Resolver(Registry.load()).resolve(config)
        self.parts = assemble(self.resolved, seed)
        self.model: MultiTaskModel = self.parts.model
        self.model.encoder.segments = by_segments
        self.examples: dict[str, TokenisedExamples] = {}
        for task, entry in self.resolved.tasks.items():
            head = self.model.tasks[task]
            raw = entry.task.load("train", None)
            self.examples[task] = tokenise(raw, self.parts.tokenizer, head.info, head.pair)
        self.seen: list[dict[str, TaskBatch]] = []
        self.losses: list[Mapping[str, float]] = []

    def run(
        self,
        steps: Sequence[Step],
        on_step: Callable[[int], object] = lambda done: None,
        *,
        ahead: bool = False,
        watch: "Watch | None" = None,
    ) -> TrainingRecord:
        """Train, remembering the batches of every pass and the losses of every step."""
        losses_of = self.model.losses

        def losses(
            batches: Mapping[str, TaskBatch], segments: Segments | None
        ) -> dict[str, Tensor]:
            self.seen.append(dict(batches))
            return losses_of(batches, segments)

        self.model.losses = losses
        cell = replace(self.parts, balancer=Laid(steps))
        if watch is not None:
            watch.combine = cell.combiner.combine
            cell = replace(cell, combiner=watch, observes=True)
        config = {**self.resolved.cell.train, "steps": len(steps)}
        trainer = Trainer(cell, self.examples, config, self.seed, ahead=ahead)
        for _ in steps:
            self.losses.append(trainer.step())
            assert trainer.done == len(self.losses)
            on_step(trainer.done)
        return trainer.record

    def order(self, task: str) -> list[list[int]]:
        """Return the token ids of a task's examples, first sentences, in the order they came."""
        return [
            s.ids.tolist()
            for parts in self.seen
            if task in parts
            for s in parts[task].sequences[0]
        ]


Make = Callable[..., Training]


@pytest.fixture
def training(small: dict[str, Any]) -> Make:
    def make(
        changes: Mapping[str, Any] | None = None, seed: int = 0, *, by_segments: bool = True
    ) -> Training:
        return Training(overlay(small, changes or {}), seed, by_segments=by_segments)

    return make


def assert_equal_weights(one: Training, other: Training, **tolerance: float) -> None:
    left, right = one.model.state_dict(), other.model.state_dict()
    for name, value in left.items():
        torch.testing.assert_close(right[name], value, **(tolerance or {"rtol": 0, "atol": 0}))


# --- the steps --------------------------------------------------------------------------------


def test_training_is_adamw_on_the_sum_of_the_losses(training: Make) -> None:
    ours, plain = training(QUIET), training(QUIET)
    steps = [EVERY, {"pd": 3, "sst": 2}, EVERY]

    ours.run(steps)

    optimizer = torch.optim.AdamW(plain.model.parameters(), lr=1e-2, weight_decay=0.0)
    plain.model.train()
    for batches in ours.seen:
        optimizer.zero_grad()
        torch.stack(list(plain.model.losses(batches).values())).sum().backward()
        optimizer.step()
    assert [list(batches) for batches in ours.seen] == [list(step) for step in steps]
    assert_equal_weights(ours, plain, rtol=1e-4, atol=1e-5)


def test_what_no_task_used_stays_as_it_was(training: Make) -> None:
    subject = training({"train.weight_decay": 0.5})
    before = {name: value.clone() for name, value in subject.model.state_dict().items()}

    record = subject.run([{"pd": 4}, {"pd": 4}])

    after = subject.model.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert {name for name in moved if name.startswith("heads.")} == {
        "heads.pd_head.projection.weight",
        "heads.pd_head.projection.bias",
    }
    assert not any(name.startswith("encoder.pooler") for name in moved)
    assert any(name.startswith("encoder.layers") for name in moved)
    assert record.examples == {"sst": 0, "pd": 8, "sts": 0}


def test_the_combined_gradient_is_clipped_shared_and_private_together(training: Make) -> None:
    def norm(subject: Training) -> float:
        gradients = [p.grad for p in subject.model.parameters() if p.grad is not None]
        return torch.nn.utils.get_total_norm(gradients).item()

    norms: dict[float | None, list[float]] = {None: [], 0.05: [], 1e6: []}
    for clip, found in norms.items():
        subject = training({**QUIET, "train.clip_norm": clip, "combiner": "pcgrad"})
        subject.run([EVERY] * 2, lambda done, s=subject, f=found: f.append(norm(s)))

    assert norms[None][0] > 1
    assert norms[0.05] == pytest.approx([0.05, 0.05], rel=1e-4)
    assert norms[1e6] == pytest.approx(norms[None], rel=1e-6)


@pytest.mark.parametrize("combiner", ["sum", "pcgrad"])
@pytest.mark.parametrize("size", [1, 3, 4, 100])
def test_micro_batches_equal_whole_batches(training: Make, combiner: str, size: int) -> None:
    whole = training({**QUIET, "combiner": combiner, "train.clip_norm": 1.0})
    parts = training(
        {
            **QUIET,
            "combiner": combiner,
            "train.clip_norm": 1.0,
            "train.micro_batch_size": size,
        }
    )
    steps = [{"sst": 5, "pd": 7, "sts": 4}, {"sst": 2, "pd": 7}]

    records = [subject.run(steps) for subject in (whole, parts)]

    # AdamW divides by the root of the squared gradient: where that is nearly nothing, rounding
    # shows; so losses are compared closely, and weights by a share of the step of 0.01.
    for left, right in zip(whole.losses, parts.losses, strict=True):
        assert right == pytest.approx(left, rel=1e-4)
    assert_equal_weights(whole, parts, rtol=0, atol=2e-3)
    assert records[0].batches == records[1].batches
    assert records[0].tokens == records[1].tokens
    largest = max(len(c) for batches in parts.seen for b in batches.values() for c in b.sequences)
    assert largest == min(size, 7)


def test_surgery_by_segments_is_surgery_task_by_task(training: Make) -> None:
    one, other = (
        training({**QUIET, "combiner": "pcgrad", "train.clip_norm": 1.0}, by_segments=by_segments)
        for by_segments in (True, False)
    )
    steps = [EVERY, {"sst": 2, "pd": 7}, {"sts": 3}, EVERY]

    records = [subject.run(steps) for subject in (one, other)]

    for left, right in zip(one.losses, other.losses, strict=True):
        assert right == pytest.approx(left, rel=1e-4)
    assert_equal_weights(one, other, rtol=0, atol=2e-3)
    assert [record.encoder_passes for record in records] == [4, 9]
    assert records[0].batches == records[1].batches


# --- the record -------------------------------------------------------------------------------


def test_the_record_counts_examples_tokens_and_passes(training: Make) -> None:
    subject = training()

    record = subject.run([EVERY, {"sst": 2}, {"pd": 3, "sst": 1}])

    assert record.examples == {"sst": 7, "pd": 7, "sts": 4}
    assert record.encoder_passes == 3
    assert record.tokens == sum(
        len(sequence.ids)
        for batches in subject.seen
        for part in batches.values()
        for column in part.sequences
        for sequence in column
    )


def test_the_hash_of_the_batches_is_theirs_alone(training: Make) -> None:
    steps: list[Step] = [{"sst": 2, "pd": 2}, {"sst": 1}]
    hashed = training().run(steps).batches

    for changes in ({"combiner": "pcgrad"}, {"train.lr": 1e-4}, {"heads.sts": "cosine"}):
        assert training(changes).run(steps).batches == hashed
    others = [
        training(seed=1).run(steps).batches,
        training().run([{"sst": 2, "pd": 2}, {"pd": 1}]).batches,
        training().run([{"sst": 2, "pd": 1}, {"sst": 1, "pd": 1}]).batches,
        training().run(steps[:1]).batches,
        training().run([{"sst": 2}, {"pd": 2}, {"sst": 1}]).batches,
    ]
    assert len({hashed, *others}) == 6


def test_drawing_ahead_changes_nothing(training: Make) -> None:
    now, ahead = training(), training()
    steps: list[Step] = [EVERY, {"pd": 3}, {"sst": 20, "sts": 9}, EVERY]

    records = [now.run(steps), ahead.run(steps, ahead=True)]

    assert ahead.losses == now.losses
    assert ahead.order("sst") == now.order("sst")
    assert records[0].batches == records[1].batches
    assert records[0].examples == records[1].examples
    assert records[0].tokens == records[1].tokens
    assert_equal_weights(now, ahead)


def test_the_record_is_of_the_steps_that_were_taken(training: Make) -> None:
    subject = training()
    seen: list[int] = []

    def count(done: int) -> None:
        seen.append(sum(len(b.labels) for parts in subject.seen for b in parts.values()))

    record = subject.run([EVERY] * 3, count, ahead=True)

    assert seen == [12, 24, 36]
    assert sum(record.examples.values()) == 36


# --- streams of randomness --------------------------------------------------------------------


def test_every_schedule_sees_a_task_s_examples_in_the_same_order(training: Make) -> None:
    together, alone, crumbs = training(), training({"combiner": "pcgrad"}), training()

    together.run([EVERY] * 8)
    alone.run([{"sts": 16}, {"sts": 16}])
    crumbs.run([{"pd": 1, "sts": 5}] * 6)

    assert together.order("sts") == alone.order("sts")
    assert crumbs.order("sts") == alone.order("sts")[:30]
    assert crumbs.order("pd") == together.order("pd")[:6]
    assert sorted(alone.order("sts")[:16]) == sorted(alone.order("sts")[16:])
    assert alone.order("sts")[:16] != alone.order("sts")[16:]


def test_the_recorded_order_is_that_of_the_first_pass(training: Make) -> None:
    whole, part, other = training(), training({"combiner": "pcgrad"}), training(seed=1)

    recorded = whole.run([{"sts": 16}]).order

    given = whole.examples["sts"]
    ids = {
        str(s.ids.tolist()): given.ids[i] for i in range(16) for s in given.batch([i]).sequences[0]
    }
    seen = [ids[str(tokens)] for tokens in whole.order("sts")]
    assert sorted(seen) == sorted(given.ids)
    assert recorded["sts"] == hashlib.sha256("\0".join(seen).encode()).hexdigest()
    assert part.run([{"pd": 1}]).order == recorded
    assert not {*other.run([{"sts": 1}]).order.values()} & {*recorded.values()}


def test_nothing_else_that_draws_shifts_dropout(training: Make) -> None:
    quiet, noisy = training(), training()

    quiet.run([EVERY] * 3)
    noisy.run([EVERY] * 3, torch.rand)

    assert quiet.losses == noisy.losses
    assert_equal_weights(quiet, noisy)


@pytest.mark.parametrize(("rate", "different"), [(0.5, 3), (0.0, 1)])
def test_dropout_differs_from_step_to_step(training: Make, rate: float, different: int) -> None:
    """Weights and examples are the same at each step, so the losses differ by dropout alone."""
    subject = training({**QUIET, "train.lr": 1e-30, "train.dropout": rate})

    subject.run([{"sts": 16}] * 3)

    assert len({round(losses["sts"], 3) for losses in subject.losses}) == different


# --- what a combiner observes -----------------------------------------------------------------


class Watch:
    """A combiner in so far as it observes."""

    def __init__(self) -> None:
        self.seen: list[tuple[Mapping[str, float], Mapping[str, float]]] = []

    combine: Callable[[CombineInput], Tensor]

    def observe(self, before: Mapping[str, float], after: Mapping[str, float]) -> None:
        self.seen.append((before, after))


OBSERVED = pytest.mark.parametrize(
    ("changes", "by_segments"),
    [
        ({}, True),
        ({"train.micro_batch_size": 2}, True),
        ({"combiner": "pcgrad"}, True),
        ({"combiner": "pcgrad", "train.micro_batch_size": 2}, True),
        ({"combiner": "pcgrad"}, False),
    ],
    ids=["sum", "sum in portions", "surgery", "surgery in portions", "task by task"],
)


@OBSERVED
def test_examples_and_dropout_of_before_and_after_are_the_same(
    training: Make, changes: dict[str, Any], by_segments: bool
) -> None:
    """Where the update is next to nothing, so is the difference, for all the dropout."""
    still = {"train.lr": 1e-30, "train.dropout": 0.5, **changes}
    subject, watch = training(still, by_segments=by_segments), Watch()

    record = subject.run([EVERY, {"sst": 3, "pd": 5}], watch=watch)

    assert [before for before, _ in watch.seen] == subject.losses
    for before, after in watch.seen:
        assert list(after) == list(before)
        assert after == pytest.approx(before, rel=1e-5)
    assert record.encoder_passes == len(subject.seen)
    plain = training(still, by_segments=by_segments).run([EVERY, {"sst": 3, "pd": 5}])
    assert record.encoder_passes == 2 * plain.encoder_passes
    assert (record.tokens, record.batches) == (plain.tokens, plain.batches)


@OBSERVED
def test_observing_changes_no_number_of_training(
    training: Make, changes: dict[str, Any], by_segments: bool
) -> None:
    alone, watched = (training(changes, by_segments=by_segments) for _ in range(2))

    alone.run([EVERY] * 3)
    watched.run([EVERY] * 3, watch=Watch())

    assert watched.losses == alone.losses
    assert_equal_weights(alone, watched)


def test_losses_after_the_update_are_the_next_steps_before_it(training: Make) -> None:
    """Where each step is of all examples and nothing is dropped."""
    subject, watch = training(QUIET), Watch()

    subject.run([{"sst": 24, "pd": 40, "sts": 16}] * 4, watch=watch)

    for (before, after), (following, _) in pairwise(watch.seen):
        assert after == pytest.approx(following, rel=1e-4)
        assert after != pytest.approx(before, rel=1e-3)


def test_a_loss_that_is_no_number_after_the_update_ends_the_run(training: Make) -> None:
    subject, watch = training({"train.lr": 1e38, **QUIET}), Watch()

    with pytest.raises(NonFiniteLoss, match=r"^the loss of task '\w+' is \w+ at step 1$"):
        subject.run([EVERY] * 2, watch=watch)

    assert watch.seen == []
