"""The runner: from a run's request to its stored result."""

import json
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from mtbench import data, devices
from mtbench.combination import Combiner
from mtbench.components.attribution import naming
from mtbench.components.entries import Entry, calling
from mtbench.components.registry import Registry
from mtbench.data.report import report
from mtbench.data.token_cache import TokenCache
from mtbench.data.token_column import TokenColumn
from mtbench.errors import users_mistakes
from mtbench.gradients.oracle import BrokenCombiner
from mtbench.protocols import Examples, Split
from mtbench.store import CHECKPOINT, PREDICTIONS, Identity, Result, RunFolder
from mtbench.store.history import History, cost_of_device, peak_memory_mb
from mtbench.study.identity import Identifier, check_unchanged
from mtbench.study.resolution import Resolved, Resolver, as_written
from mtbench.system.files import renamed
from mtbench.training.assembly import Assembled, assemble
from mtbench.training.evaluation import overall, predict_and_score
from mtbench.training.examples import TokenisedExamples, tokenise
from mtbench.training.selection import Selection
from mtbench.training.training import Trainer

TRAINED_WITH: tuple[Split, ...] = ("train", "dev")  # test is for ``evaluate`` and ``predict``

Splits = Mapping[str, Mapping[Split, Examples]]
"""Examples of a run's tasks, as they were read."""


@dataclass(frozen=True)
class Run:
    """A run that is ready to be trained or to predict."""

    seed: int
    identity: Identity
    resolved: Resolved
    assembled: Assembled
    data_dir: Path | None
    cache: TokenCache | None

    @property
    def entries(self) -> Mapping[str, Entry]:
        """Who brings each part of the cell."""
        return self.resolved.all_entries

    def tokenised(
        self, task: str, examples: Examples, share: Examples | None = None
    ) -> TokenisedExamples:
        """Tokenise a split of a task, or a share of it, as its head takes it."""
        head, tokenizer = self.assembled.model.tasks[task], self.assembled.tokenizer
        return tokenise(examples, tokenizer, head.info, head.pair, share=share, cache=self.cache)

    def load(self, task: str, split: Split, *, with_labels: bool) -> Examples:
        """Read a split of a task from the run's data folder."""
        entry = self.resolved.tasks[task]
        with calling(entry.entry, "load"), users_mistakes():
            return data.load(entry.task, split, self.data_dir, with_labels=with_labels, name=task)


def prepare(
    folder: RunFolder,
    data_dir: Path | None = None,
    *,
    device: str | None = None,
    plugins: Sequence[Path] = (),
) -> Run:
    """Build what a stored request describes: plugins, data folder, model with first weights.

    The weights are drawn on the CPU, so that they are the same on every device.

    Args:
        data_dir: where the data lie; None for where the request says.
        device: where the model shall be; None for where the request says.
        plugins: plugin files that are loaded; those that the request names are not.

    Raises:
        UsageError: if what it names is not there any more, or the device is not there.
        PluginError: if a plugin that it needs is broken.
    """
    request = folder.request()
    device = device or request.device
    devices.require(device)
    resolver = Resolver(Registry.load(plugins, request.blocked))
    resolved = resolver.resolve(as_written(request.config))
    _set_up_torch(resolved.cell.train["threads"])
    with naming(resolved.all_entries):
        assembled = assemble(resolved, request.seed)
        assembled.model.to(device)
    stored = resolved.config["data"]["dir"]
    digest = assembled.tokenizer_digest
    return Run(
        seed=request.seed,
        identity=request.identity,
        resolved=resolved,
        assembled=assembled,
        data_dir=data_dir or (Path(stored) if stored else None),
        cache=None if digest is None else TokenCache(folder.store.tokens, digest),
    )


def _set_up_torch(threads: int) -> None:
    """Have torch compute with so many threads, and the same way each time."""
    torch.set_num_threads(threads)
    torch.set_deterministic_debug_mode("error")
    # That mode also fills memory that is about to be written, to show a read before it.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    os.environ.update(devices.DETERMINISTIC)


@dataclass(frozen=True)
class RunData:
    """The data of a run, by task.

    Attributes:
        splits: as they were read.
        training: the run's share of train.
        dev: all of dev.
        sample: the part of the share that is scored beside dev.
    """

    splits: Splits
    training: Mapping[str, TokenisedExamples]
    dev: Mapping[str, TokenisedExamples]
    sample: Mapping[str, TokenisedExamples]


def execute(folder: RunFolder, plugins: Sequence[Path] = (), *, before: float = 0.0) -> None:
    """Train a run and store its result, predictions and checkpoint.

    Args:
        plugins: as for ``prepare``.
        before: seconds that the run's process has taken so far.

    Raises:
        UsageError: if something that decides its numbers has changed since the plan.
        PluginError: if a component raises; it names the component.
        ArithmeticError: if a loss or a prediction is not finite.
    """
    started = time.perf_counter()
    with closing(History(folder.path)) as history, ExitStack() as stack:
        history.note("loading")
        run = prepare(folder, plugins=plugins)
        stack.enter_context(naming(run.entries))
        model = run.assembled.model
        splits = read_splits(run)
        _check_key(run, splits)
        loaded = load_data(run, splits)
        tokenised: dict[str, dict[Split, Sequence[TokenColumn]]] = {
            task: {"train": loaded.training[task].sequences, "dev": dev.sequences}
            for task, dev in loaded.dev.items()
        }
        of_data = report(splits, tokenised)
        initial = model.digests()
        selection = Selection(model, loaded.dev, history)
        ready = time.perf_counter()
        trainer = Trainer(run.assembled, loaded.training, run.resolved.cell.train, run.seed)
        trainer.train(selection, history)
        record = trainer.record
        trained = time.perf_counter()
        model.load_state_dict(selection.state, strict=False)
        _, train_scores = predict_and_score(model, loaded.sample)
        _save(folder.path, selection, loaded.dev)
        ended = time.perf_counter()
        seconds = {
            "training": trained - ready - selection.seconds,
            "computing": record.computing,
            "evaluation": selection.seconds + ended - trained,
            "total": before + ended - started,
        }
        result = {
            "scores": {"dev": selection.scores, "train": train_scores},
            "overall": overall(run.resolved.cell.tasks, selection.scores),
            "untrained": [task for task, n in record.examples.items() if n == 0],
            "selected_step": selection.step,
            "evaluations": selection.count,
            **of_data,
            "hashes": {
                "batches": record.batches,
                "order": record.order,
                "initial_weights": initial,
            },
            "arithmetic": devices.arithmetic(),
            "cost": {
                "steps": history.steps,
                "examples": record.examples,
                "tokens": record.tokens,
                "encoder_passes": record.encoder_passes,
                "seconds": seconds,
                "peak_memory_mb": peak_memory_mb(),
                **cost_of_device(model.device),
            },
            **state_of(run.assembled.combiner),
        }
        folder.end(Result.model_validate(result))


def read_splits(run: Run) -> Splits:
    """Read what the run sees: train and dev of its tasks."""
    return {
        task: {split: run.load(task, split, with_labels=True) for split in TRAINED_WITH}
        for task in run.resolved.tasks
    }


def _check_key(run: Run, splits: Splits) -> None:
    """Hold the run's key against its components and data as they are now.

    Hours may lie between the plan and this moment; the key must not lie.
    """
    tasks, device = run.resolved.tasks, run.assembled.model.device.type
    now, _ = Identifier().identity(run.resolved, device, without=tasks)
    read = {
        task: {split: data.fingerprint(examples) for split, examples in of_task.items()}
        for task, of_task in splits.items()
    }
    check_unchanged(dict(run.identity), {**dict(now), "data": read}, since="the plan was made")


def load_data(run: Run, splits: Splits) -> RunData:
    """Tokenise what the run trains on, its share of train, and what it is scored on."""
    config = run.resolved.config["data"]
    shares = {
        task: data.share(of_task["train"], config["fraction"], run.seed, task)
        for task, of_task in splits.items()
    }
    training = {
        task: run.tokenised(task, splits[task]["train"], share) for task, share in shares.items()
    }
    samples = {task: data.sample(share, config["train_sample"]) for task, share in shares.items()}
    return RunData(
        splits=splits,
        training=training,
        dev={task: run.tokenised(task, of_task["dev"]) for task, of_task in splits.items()},
        sample={task: training[task].part(sample.ids) for task, sample in samples.items()},
    )


def _save(path: Path, selection: Selection, dev: Mapping[str, TokenisedExamples]) -> None:
    """Write the dev predictions and the trained tensors."""
    arrays: dict[str, Any] = {}
    for task, values in selection.predicted.items():
        arrays[f"{task}.ids"] = np.array(dev[task].ids)
        arrays[f"{task}.labels"] = np.array(dev[task].labels)
        arrays[f"{task}.predictions"] = np.array(values)
    with renamed(path / PREDICTIONS) as temporary, temporary.open("wb") as stream_:
        np.savez_compressed(stream_, **arrays)
    with renamed(path / CHECKPOINT) as temporary:
        save_file({name: value.cpu() for name, value in selection.state.items()}, temporary)


def state_of(combiner: Combiner) -> dict[str, Any]:
    """Return what a combiner remembers, under ``"combiner"``; nothing where it has no state.

    Raises:
        BrokenCombiner: if its state is not made of JSON values.
    """
    if not hasattr(combiner, "state_dict"):
        return {}
    state = combiner.state_dict()
    who = f"{type(combiner).__name__}.state_dict"
    try:
        restored = json.loads(json.dumps(state, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise BrokenCombiner(f"{who} gave what is no JSON: {error}") from error
    if restored != state:  # a tuple, or a key that is no text
        raise BrokenCombiner(f"{who} gave {state!r}, which JSON gives back as {restored!r}")
    return {"combiner": restored}
