"""Status: what the data of each task and split hold, and how they differ from published sizes."""

import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from mtbench.data.layouts import LaidOutTask, Layout
from mtbench.data.loading import fingerprint, load, shared_texts
from mtbench.data.tokenisation import Tokenisation, counts, encode, items
from mtbench.errors import MtbenchError, NotAtHand, UsageError
from mtbench.protocols import SPLITS, BadRow, Examples, Pair, Split, Task, TaskInfo


@dataclass(frozen=True)
class ClassBalance:
    """Share of each class among the labels, by what the data write for it; they sum to 1."""

    shares: Mapping[str, float]


@dataclass(frozen=True)
class ScoreBalance:
    """Distribution of the scores.

    Attributes:
        mean: of the scores.
        sd: standard deviation of a sample (n - 1); 0 for a single score.
        quartiles: lower quartile, median, upper quartile.
    """

    mean: float
    sd: float
    quartiles: tuple[float, float, float]


@dataclass(frozen=True)
class TokenStatus:
    """What a tokenizer makes of one split.

    Attributes:
        encoder: that the tokenizer belongs to.
        pair: how a pair is taken; None for a task of one sentence.
        cut: examples that are longer than the encoder takes.
        empty: examples with a text that has no token of its own.
        problem: why it cannot tokenise the split; None where it can.
    """

    encoder: str
    pair: Pair | None
    cut: int = 0
    empty: int = 0
    problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class SplitStatus:
    """One split of one task.

    Attributes:
        task: its name.
        split: ``"train"``, ``"dev"`` or ``"test"``.
        published: rows that the literature reports of the data as they are laid out here; None
            where the task, or the layout, names none.
        rows: examples that can be used; None where the split cannot be read.
        balance: of the labels; None for the test split, whose labels are not looked at.
        fingerprint: digest of the examples (without labels for the test split).
        bad_rows: rows that were left out.
        doubtful_rows: rows that were kept and may be several, which stray quotes joined.
        shared: examples whose texts are in train as well; None for train, or without it.
        tokens: what the tokenizers make of it, where some were given.
        problem: why the split cannot be read; None where it can.
        absent: whether that is because there is none.
        layout: which of a task's layouts the folder holds; None where it has none or knows none.
    """

    task: str
    split: Split
    published: int | None
    rows: int | None = None
    balance: ClassBalance | ScoreBalance | None = None
    fingerprint: str | None = None
    bad_rows: tuple[BadRow, ...] = ()
    doubtful_rows: tuple[BadRow, ...] = ()
    shared: int | None = None
    tokens: tuple[TokenStatus, ...] = ()
    problem: str | None = None
    absent: bool = False
    layout: str | None = None

    @property
    def difference(self) -> int | None:
        """Rows here less rows published; None where either is not known."""
        if self.rows is None or self.published is None:
            return None
        return self.rows - self.published


def status(
    tasks: Mapping[str, Task],
    folder: Path | None,
    tokenisations: Mapping[str, Sequence[Tokenisation]] | None = None,
) -> tuple[SplitStatus, ...]:
    """Describe every split of every task, in the order given.

    Args:
        tasks: name to task.
        folder: where the user's data lie; None where no folder was named.
        tokenisations: of the tasks, by name; a task may have none.
    """
    return tuple(
        split
        for name, task in tasks.items()
        for split in _splits(name, task, folder, (tokenisations or {}).get(name, ()))
    )


def _splits(
    name: str, task: Task, folder: Path | None, tokenisations: Sequence[Tokenisation]
) -> Iterator[SplitStatus]:
    """Describe the splits of a task; what a user can mend becomes a ``problem``."""
    info = task.describe()
    layout: Layout | None = None
    if isinstance(task, LaidOutTask) and folder is not None:
        with suppress(UsageError):  # loading says so
            layout = task.layout(folder)
    train: Examples | None = None
    for split in SPLITS:
        unread = SplitStatus(
            task=name,
            split=split,
            published=(layout.sizes if layout else info.published_sizes).get(split),
            layout=layout.name if layout else None,
        )
        try:
            examples = load(task, split, folder, with_labels=False, name=name)
        except UsageError as error:
            problem = str(error).removeprefix(f"{name}: ")
            yield replace(unread, problem=problem, absent=isinstance(error, NotAtHand))
            continue
        yield replace(
            unread,
            rows=len(examples),
            balance=None if examples.labels is None else _balance(info, examples.labels),
            fingerprint=fingerprint(examples),
            bad_rows=examples.bad_rows,
            doubtful_rows=examples.doubtful_rows,
            shared=None if train is None else shared_texts(examples, train),
            tokens=tuple(_token_status(info, examples, way) for way in tokenisations),
        )
        if split == "train":
            train = examples


def _token_status(info: TaskInfo, examples: Examples, way: Tokenisation) -> TokenStatus:
    pair = way.pair if info.sentences == 2 else None
    try:
        found = counts(encode(items(examples, info, way.pair), way.tokenizer))
    except MtbenchError as error:
        return TokenStatus(way.encoder, pair, problem=str(error))
    return TokenStatus(way.encoder, pair, found.cut, found.empty)


def _balance(info: TaskInfo, labels: Sequence[float]) -> ClassBalance | ScoreBalance:
    """Return the distribution of at least one label."""
    if info.classes is not None:
        counts = Counter(labels)
        return ClassBalance(
            {info.written(label): counts[label] / len(labels) for label in range(info.classes)}
        )
    if len(labels) == 1:
        return ScoreBalance(labels[0], 0.0, (labels[0],) * 3)
    lower, median, upper = statistics.quantiles(labels, n=4, method="inclusive")
    return ScoreBalance(statistics.fmean(labels), statistics.stdev(labels), (lower, median, upper))
