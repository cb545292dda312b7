"""Prediction: a stored run's model on dev or test, its scores, and the files to submit."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from mtbench.components.attribution import naming
from mtbench.components.plugin_files import files_of_run, tell
from mtbench.data import shared_texts
from mtbench.data.tokenisation import TextCounts, counts
from mtbench.devices import CPU
from mtbench.errors import RunsMissing, UsageError
from mtbench.protocols import BadRow, Examples, Split, Submission, TaskInfo
from mtbench.runs.runner import Run, prepare
from mtbench.store import CHECKPOINT, Damaged, RunFolder, test_uses
from mtbench.study.identity import Identifier, check_unchanged
from mtbench.system.outputs import check_writable, write_files
from mtbench.training.evaluation import (
    NonFinitePrediction,
    Scores,
    overall,
    predict,
    predict_and_score,
)


def restore(
    folder: RunFolder,
    data_dir: Path | None = None,
    *,
    device: str = CPU,
    plugins: Sequence[Path] = (),
) -> Run:
    """Return a stored run with its trained weights, on whatever device it was trained.

    Args:
        data_dir: where the data lie now; None for where they lay when the run was trained.
        device: where the model shall be.
        plugins: plugin files, of which those of the run's are loaded.

    Raises:
        RunsMissing: if the run has no result.
        Damaged: if a file of it is not what was written.
        UsageError, PluginError: if a plugin file of its is not given, or its plugins, checkpoint
            or data are not there any more, or the device is not.
    """
    record = folder.record()
    if record.damage:
        raise Damaged(folder.key, record.damage)
    if record.state != "done":
        raise RunsMissing(f"run {folder.key[:12]} is {record.state}, so it has no model")
    folder.check(CHECKPOINT)
    request = folder.request()
    files = files_of_run(request.plugins, request.providers, plugins, run=f"run {folder.key[:12]}")
    tell(files)
    run = prepare(folder, data_dir, device=device, plugins=files)
    now = Identifier().components(run.resolved)
    check_unchanged(dict(run.identity), now, since=f"run {folder.key[:12]} was trained")
    model = run.assembled.model
    try:
        stored = load_file(folder.path / CHECKPOINT)
    except SafetensorError as error:
        raise folder.damaged(f"{CHECKPOINT}: {' '.join(str(error).split())}") from None
    kinds, expected = _kinds(stored), _kinds(model.trained_state())
    if kinds != expected:
        name = min(name for name, _ in kinds.items() ^ expected.items())
        raise folder.damaged(f"{CHECKPOINT}: it does not fit the run's model at {name!r}")
    model.load_state_dict(stored, strict=False)
    return run


def _kinds(tensors: Mapping[str, Tensor]) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()}


@contextmanager
def _finite(folder: RunFolder, split: Split) -> Iterator[None]:
    """Have predictions that are not finite end in one line: other texts or devices may do that."""
    try:
        yield
    except NonFinitePrediction as error:
        raise UsageError(f"run {folder.key[:12]} on {split}: {error}") from None


@dataclass(frozen=True)
class Evaluated:
    """Each task's metrics on a split, the overall, and what is odd about the data.

    Attributes:
        left_out: rows of each task that could not be read.
        texts: counts of each task's texts; without those in train where that cannot be read.
    """

    scores: dict[str, Scores]
    overall: float | None
    left_out: Mapping[str, tuple[BadRow, ...]]
    texts: Mapping[str, TextCounts]


def evaluate(
    folder: RunFolder,
    split: Split,
    data_dir: Path | None = None,
    *,
    device: str = CPU,
    plugins: Sequence[Path] = (),
) -> Evaluated:
    """Score a stored run's model on a split; the one reader of test labels.

    That test labels were read is logged in the run's store before anybody sees a score.

    Args:
        data_dir: where the data lie now; None for where they lay when the run was trained.
        device: where to compute.
        plugins: as for ``restore``.

    Raises:
        UsageError: if a task has no labels for that split, a prediction is not finite, or the
            store cannot be written.
    """
    if split == "test":
        test_uses.check(folder.store)
    run = restore(folder, data_dir, device=device, plugins=plugins)
    tasks = run.resolved.cell.tasks
    with naming(run.entries), _finite(folder, split):
        loaded = {task: run.load(task, split, with_labels=True) for task in tasks}
        splits = {task: run.tokenised(task, examples) for task, examples in loaded.items()}
        _, scores = predict_and_score(run.assembled.model, splits)
        texts = {
            task: counts(splits[task].sequences, shared=_in_train(run, task, examples))
            for task, examples in loaded.items()
        }
    left_out = {task: examples.bad_rows for task, examples in loaded.items()}
    evaluated = Evaluated(scores, overall(tasks, scores), left_out, texts)
    if split == "test":
        test_uses.log(folder, scores, evaluated.overall)
    return evaluated


def _in_train(run: Run, task: str, examples: Examples) -> int | None:
    """Return how many examples share their texts with train; None where that is not there."""
    try:
        train = run.load(task, "train", with_labels=True)
    except UsageError:
        return None
    return shared_texts(examples, train)


@dataclass(frozen=True)
class WrittenFile:
    """A file of predictions.

    Attributes:
        left_out: rows of the data that could not be read for it.
        replaced: whether it was there before.
    """

    file: Path
    left_out: tuple[BadRow, ...]
    replaced: bool = False


def write_predictions(
    folder: RunFolder,
    split: Split,
    out: Path,
    data_dir: Path | None = None,
    *,
    device: str = CPU,
    plugins: Sequence[Path] = (),
) -> Iterator[WrittenFile]:
    """Write one file a task, in the format that the CS224N leaderboard takes, and yield each.

    Classes that have names are written by them.

    Args:
        data_dir: where the data lie now; None for where they lay when the run was trained.
        device: where to compute.
        plugins: as for ``restore``.

    Raises:
        UsageError: if a task's data are not there, a prediction is not finite, or a file cannot
            be written.
    """
    run = restore(folder, data_dir, device=device, plugins=plugins)
    infos = run.resolved.cell.tasks
    submissions = {
        task: info.submission or Submission(task, "Prediction") for task, info in infos.items()
    }
    stems = [submission.stem for submission in submissions.values()]
    files = {
        # Two tasks of one kind would write to one file: then each goes by its own name.
        task: out / f"{stem if stems.count(stem) == 1 else task}-{split}-output.csv"
        for task, stem in zip(submissions, stems, strict=True)
    }
    for file in files.values():
        check_writable(file, option="--out")  # before the work
    for task, submission in submissions.items():
        with naming(run.entries), _finite(folder, split):
            examples = run.load(task, split, with_labels=False)
            values = predict(run.assembled.model, task, run.tokenised(task, examples))
        predicted = dict(zip(examples.ids, values, strict=True))
        text = submission_text(submission.column, infos[task], predicted)
        replaced = files[task].exists()
        write_files({files[task]: text}, option="--out")
        yield WrittenFile(files[task], examples.bad_rows, replaced)


def submission_text(column: str, info: TaskInfo, predicted: Mapping[str, float]) -> str:
    """Return a submission file: a header, then ``id , value`` a line, with CS224N's blanks.

    A class is written as the data write it; a name with a comma, a quote or a line break as a
    field of a CSV with them.
    """
    values = {
        key: _field(info.written(value)) if info.score_range is None else repr(value)
        for key, value in predicted.items()
    }
    return f"id \t {column} \n" + "".join(f"{key} , {text} \n" for key, text in values.items())


def _field(text: str) -> str:
    doubled = text.replace('"', '""')
    return f'"{doubled}"' if {*text} & {*',"\r\n'} else text
