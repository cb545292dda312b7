"""Records: what ``run.json`` and ``result.json`` hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from mtbench.metrics import METRICS
from mtbench.store.configs import CompleteConfig, ResolvedConfig, covers
from mtbench.store.fields import Fields, Time, Versioned
from mtbench.store.files import REQUEST, RESULT
from mtbench.store.keys import canonical, run_key


def _with_known_metrics(scores: dict[str, float | None]) -> dict[str, float | None]:
    if not scores or scores.keys() - METRICS.keys():
        raise ValueError(f"{', '.join(scores) or 'nothing'}, where metrics belong")
    return scores


Scores = dict[str, Annotated[dict[str, float | None], AfterValidator(_with_known_metrics)]]
"""Of each task by metric, the primary one first; None where one is undefined."""

State = Literal["done", "failed", "running", "missing", "damaged"]


# --- what a run was asked for -----------------------------------------------------------------


class Identity(Fields):
    """Everything that decides a cell's numbers, seed aside, and nothing else.

    Attributes:
        config: the resolved configuration, without what moves no number.
        data: fingerprints of its tasks' splits; tasks whose data are not at hand have none.
        weights: digest of the encoder's first weights, where it has a fingerprint.
        code: digests of all code that the components bring, by their places.
    """

    numerics: int
    device: str
    config: CompleteConfig
    task_order: list[str]
    data: dict[str, dict[str, str]]
    weights: str | None
    code: dict[str, str]

    @property
    def text(self) -> str:
        """It in the one way that a key is made from."""
        return canonical(dict(self))

    def without_data(self, tasks: frozenset[str]) -> Identity:
        """Return it without the fingerprints of some tasks' data."""
        kept = {task: splits for task, splits in self.data.items() if task not in tasks}
        return self.model_copy(update={"data": kept})

    @model_validator(mode="after")
    def _of_its_tasks(self) -> Self:
        tasks = self.config["tasks"].keys()
        if not (self.data.keys() <= tasks == set(self.task_order)):
            raise ValueError("task_order and data are not of the tasks of config")
        if any(splits.keys() != {"train", "dev"} for splits in self.data.values()):
            raise ValueError("data have other splits than train and dev")
        return self


class Request(Versioned):
    """``run.json``: all that a fresh process needs to train a run, and what made it.

    Attributes:
        matrix: title of the one for which it is trained.
        plugins: plugin files that were loaded.
        blocked: names of plugins that were left out.
        providers: distribution and version behind each component.
    """

    matrix: str
    key: str
    cell: str
    seed: int
    device: str
    config: ResolvedConfig
    identity: Identity
    plugins: list[str]
    blocked: list[str]
    providers: dict[str, str]
    versions: dict[str, str]
    machine: dict[str, Any]

    @model_validator(mode="after")
    def _of_one_cell(self) -> Self:
        if not covers(self.config, self.identity.config) or "dir" not in self.config["data"]:
            raise ValueError("config is not the one of identity")
        return self

    def check_key(self, key: str) -> None:
        """Make sure that it is the request of the run of a key.

        Raises:
            ValueError: if it is not.
        """
        if self.key != key:
            raise ValueError(f"{REQUEST}: of another run, {self.key[:12]}")
        if run_key(self.identity.text, self.seed) != key:
            raise ValueError(f"{REQUEST}: its identity and seed give another key")


# --- what became of it ------------------------------------------------------------------------


class Seconds(Fields):
    """What the parts of a run took; the rest of the total is what comes before the first step.

    Attributes:
        computing: of the training, inside gradients, combiner and optimiser.
    """

    training: float
    computing: float
    evaluation: float
    total: float


class Spent(Fields):
    """What a run cost.

    Attributes:
        examples: of each task that were trained on, one that came again counted again.
        tokens: of these examples.
        peak_memory_mb: largest resident size of its process; None where the system does not tell.
        device, peak_device_memory_mb: which CUDA device, and most that tensors took there.
    """

    steps: int
    examples: dict[str, int]
    tokens: int
    encoder_passes: int
    seconds: Seconds
    peak_memory_mb: float | None
    device: str | None = None
    peak_device_memory_mb: float | None = None


class Hashes(Fields):
    """What tells whether two runs saw the same: batches, order by task, weights by module."""

    batches: str
    order: dict[str, str]
    initial_weights: dict[str, str]


class Splits(Fields):
    """The scores of a run: on dev, and on a sample of its share of train."""

    dev: Scores
    train: Scores

    @model_validator(mode="after")
    def _alike(self) -> Self:
        dev, train = ({task: [*of_task] for task, of_task in s.items()} for _, s in self)
        if dev != train:
            raise ValueError("dev and train have other tasks or metrics")
        return self


class Texts(Fields):
    """Counts of a split's texts; see ``data.tokenisation.TextCounts``."""

    examples: int
    cut: int
    empty: int
    shared: int | None


class Result(Fields):
    """What came of a run that was trained.

    Attributes:
        overall: mean of the tasks' primary metrics on dev; None where one is undefined.
        untrained: tasks that gave no batch.
        selected_step: after which the model was the best on dev.
        evaluations: how many it is the best of.
        left_out: rows that could not be read, by task and split.
        texts: counts of the texts, by task and split.
        arithmetic: what decides the last digits of its numbers; see ``devices.arithmetic``.
        combiner: what the combiner remembers, where it has a state.
    """

    status: Literal["done"] = "done"
    scores: Splits
    overall: float | None
    untrained: list[str]
    selected_step: int
    evaluations: int
    left_out: dict[str, dict[str, int]]
    texts: dict[str, dict[str, Texts]]
    hashes: Hashes
    arithmetic: dict[str, str]
    cost: Spent
    combiner: Any = None

    @model_validator(mode="after")
    def _of_its_tasks(self) -> Self:
        tasks = self.scores.dev.keys()
        modules = {"encoder", *(f"heads.{task}" for task in tasks)}
        if not tasks == self.cost.examples.keys() == self.hashes.order.keys():
            raise ValueError("scores, cost.examples and hashes.order are of other tasks")
        if not self.hashes.initial_weights.keys() <= modules:
            raise ValueError("hashes.initial_weights are of other modules")
        return self


class Failure(Fields):
    """What came of a run that failed: its error in one line, and the traceback."""

    status: Literal["failed"] = "failed"
    error: str
    traceback: str


class SealedFile(Fields):
    """What a large file of a run was when it was written."""

    bytes: int
    sha256: str


class Seal(Versioned):
    """What every ``result.json`` holds besides: when and of what it was written.

    Attributes:
        ended: when the run did.
        digest: of the file, with ``integrity.BLANK`` in its own place.
        files: that lay beside it, and belong to it.
    """

    ended: Time
    key: str
    digest: str
    files: dict[str, SealedFile] = Field(default_factory=dict)


class StoredResult(Result, Seal):
    """``result.json`` of a run that was trained."""


class StoredFailure(Failure, Seal):
    """``result.json`` of a run that failed."""


def read_result(value: Mapping[str, Any]) -> StoredResult | StoredFailure:
    """Return what ``result.json`` holds.

    Raises:
        ValueError: as for ``Versioned.read``.
    """
    kind = StoredFailure if value.get("status") == "failed" else StoredResult
    return kind.read(value, RESULT)


@dataclass(frozen=True)
class Record:
    """What is known of a run.

    Attributes:
        damage: what is wrong with it; empty where nothing is.
        request: what ``run.json`` holds; None where it is not there, or damaged.
        result, failure: what came of it; None where the run has not ended so, or is damaged.
    """

    state: State
    damage: str = ""
    request: Request | None = None
    result: StoredResult | None = None
    failure: StoredFailure | None = None

    @property
    def ending(self) -> StoredResult | StoredFailure | None:
        """What came of a run that has ended."""
        return self.result or self.failure
