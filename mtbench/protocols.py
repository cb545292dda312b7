"""Protocols: what the objects behind the specs must do, and the records they exchange.

Those of combiners are in ``combination``. Shapes: N sequences and T tokens of a batch, B examples,
d the width of the encoder.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from mtbench.targets import Loss, check_target

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    Numbers = Sequence[int] | NDArray[np.integer[Any]]

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test")

Pair = Literal["separate", "joined"]
Pooling = Literal["cls", "pooler", "mean", "attention"]


# --- tasks ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Submission:
    """How a task is written for the CS224N leaderboard: ``<stem>-<split>-output.csv``."""

    stem: str
    column: str


@dataclass(frozen=True, kw_only=True)
class TaskInfo:
    """What the harness and a head need to know of a task, without its data.

    Attributes:
        sentences: 1, or 2 for a pair.
        loss: mean over a batch of ``"cross-entropy"`` (one logit a class),
            ``"binary-cross-entropy"`` (one logit; labels 0 and 1) or ``"squared-error"``.
        metrics: names of ``mtbench.metrics``; the first is the primary one.
        classes: number of classes, 2 or more; labels are 0 .. classes - 1. None for a score.
        score_range: lowest and highest label of a score. None for classes.
        submission: the CS224N file it is submitted in, if any.
        published_sizes: rows a split that the literature reports.
        class_names: what the data write for each class, in order; empty where that is 0, 1, ...

    Raises:
        ValueError: if these do not fit together, or one is unknown.
    """

    sentences: Literal[1, 2]
    loss: Loss
    metrics: tuple[str, ...]
    classes: int | None = None
    score_range: tuple[float, float] | None = None
    submission: Submission | None = None
    published_sizes: Mapping[Split, int] = field(default_factory=dict)
    class_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        sentences: Any = self.sentences  # as its author gave it; True counts as 1
        if type(sentences) is not int or sentences not in (1, 2):
            raise ValueError(f"a task is of 1 sentence or of 2; given: {sentences!r}")
        check_target(self.loss, self.metrics, self.classes, self.score_range)
        if self.class_names and len(self.class_names) != self.classes:
            raise ValueError(f"{self.classes} classes have other names: {self.class_names}")
        sizes: Any = self.published_sizes
        if not isinstance(sizes, Mapping) or not sizes.keys() <= set(SPLITS):
            raise ValueError(f"published_sizes are rows a split ({', '.join(SPLITS)}): {sizes!r}")

    @property
    def outputs(self) -> int:
        """How many numbers a head gives for one example."""
        return self.classes or 1 if self.loss == "cross-entropy" else 1

    def written(self, label: float) -> str:
        """Return what the data write for a label: a class's name, where it has one."""
        return self.class_names[int(label)] if self.class_names else f"{label:.15g}"

    def embeddings(self, pair: Pair) -> Literal[1, 2]:
        """How many embeddings a head is given for one example."""
        return 2 if self.sentences == 2 and pair == "separate" else 1


@dataclass(frozen=True)
class BadRow:
    """A row of a data file that was left out, or was kept and is in doubt.

    Attributes:
        file: the file's name.
        line: the line on which the row ends, counted from 1.
        reason: what is wrong with it.
        label: its label, as the file has it, where that is none of the task's; otherwise None.
    """

    file: str
    line: int
    reason: str
    label: str | None = field(default=None, compare=False)  # the reason says it too

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


@dataclass(frozen=True)
class Examples:
    """The examples of one split of one task, in the order of their ids.

    Attributes:
        ids: unique.
        texts: one tuple an example, with one text a sentence.
        labels: class indices or scores; None where the split has none.
        bad_rows: rows that were left out, with the reason.
        doubtful_rows: rows that were kept and may be several, which stray quotes joined.
    """

    ids: tuple[str, ...]
    texts: tuple[tuple[str, ...], ...]
    labels: tuple[float, ...] | None
    bad_rows: tuple[BadRow, ...] = ()
    doubtful_rows: tuple[BadRow, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)


class Task(Protocol):
    """A data set with a target."""

    def describe(self) -> TaskInfo: ...

    def load(self, split: Split, folder: Path | None, *, with_labels: bool = True) -> Examples:
        """Read one split.

        Args:
            split: ``"train"``, ``"dev"`` or ``"test"``.
            folder: where the user's data lie; None where no folder was named.
            with_labels: whether labels are wanted; without, the column is not looked at.

        Raises:
            UsageError: if the folder is needed and not there, or a file, a column or an
                encoding is wrong. A broken row raises nothing: it becomes a ``BadRow``.
        """
        ...


# --- encoders -------------------------------------------------------------------------------


class Tokens(NamedTuple):
    """One sequence, special tokens included: token ids, the segment of each, whether it was cut.

    A tokenizer gives lists, say; what comes from the harness are views of flat arrays.
    """

    ids: Numbers
    types: Numbers
    cut: bool = False


class Tokenizer(Protocol):
    """Texts to token ids.

    It may have one attribute more, ``fingerprint: str``: a digest of everything that decides its
    ids. The ids of a split are then kept on disk, and made once for all runs that share texts
    and tokenizer; without it each run tokenises for itself.
    """

    def encode(self, texts: Sequence[tuple[str, ...]]) -> list[Tokens]:
        """Encode each item as one sequence: ``[CLS] a [SEP]``, or ``[CLS] a [SEP] b [SEP]``."""
        ...


@dataclass(frozen=True)
class RaggedBatch:
    """N sequences as one stream of T tokens, in the caller's order, with nothing between them.

    Attributes:
        ids: [T] int64, token ids.
        types: [T] int64, segment of each token (0 or 1).
        positions: [T] int64, place of each token in its sequence.
        starts: [N] int64, where each sequence starts in the stream.
        lengths: the N lengths.
        parts: how many of the sequences belong to each task of the pass, in the stream's order;
            they add up to N.
    """

    ids: Tensor
    types: Tensor
    positions: Tensor
    starts: Tensor
    lengths: tuple[int, ...]
    parts: tuple[int, ...]

    def by_length(self) -> dict[int, list[int]]:
        """Return which sequences have which length, the shortest first."""
        groups: dict[int, list[int]] = {}
        for index, length in enumerate(self.lengths):
            groups.setdefault(length, []).append(index)
        return dict(sorted(groups.items()))


class EncoderOutput(NamedTuple):
    """What an encoder gives: ``tokens`` [T, d] and ``pooled`` [N, d], in the batch's order."""

    tokens: Tensor
    pooled: Tensor


class Encoder(Protocol):
    """The shared network: an ``nn.Module`` from token ids to vectors.

    An encoder may also say ``segments = True``, a promise that lets a step's per-task gradients
    come from one pass over all tasks: every trained parameter is the weight or bias of an
    ``nn.Linear``, ``nn.LayerNorm`` or ``nn.Embedding``, these are applied to tensors whose first
    dimension is the batch's T tokens or N sequences in their order, and no token's state
    depends on another task's. An encoder that does not say so sees one task at a time.

    Attributes:
        width: d, the size of its vectors.
        pooling: the pooling its checkpoint declares, else ``"pooler"``.
    """

    width: int
    pooling: Pooling

    def __call__(self, batch: RaggedBatch) -> EncoderOutput: ...


# --- balancers ------------------------------------------------------------------------------

Step = Mapping[str, int]
"""How many of each task's next examples a step takes; a task that is absent takes none."""


class Balancer(Protocol):
    """The schedule: which task gives how many examples at which step."""

    def steps(
        self,
        sizes: Mapping[str, int],
        batch_sizes: Mapping[str, int],
        progress: float,
        rng: random.Random,
    ) -> Iterator[Step]:
        """Yield the steps of one epoch.

        Args:
            sizes: training examples a task.
            batch_sizes: examples a task in a full batch.
            progress: share of the training budget done when this epoch starts, in [0, 1). One
                that has a method ``begin(*, steps: int | None, epochs: int | None)`` is told by
                it, before the first epoch, which budget of steps or of epochs the run has.
            rng: the balancer's own generator.
        """
        ...
