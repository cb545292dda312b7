"""Prediction: a stored run's model on dev or test, its scores, and the files to submit."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file

from mtbench import held_out
from mtbench.attribution import naming
from mtbench.devices import CPU
from mtbench.errors import RunsMissing, UsageError
from mtbench.evaluation import Scores, overall, predict, predict_and_score
from mtbench.identity import Identifier, check_unchanged
from mtbench.protocols import BadRow, Split, Submission, TaskInfo
from mtbench.runner import Run, prepare
from mtbench.store import CHECKPOINT, Damaged, RunFolder, renamed


def restore(folder: RunFolder, data_dir: Path | None = None, *, device: str = CPU) -> Run:
    """Return a stored run with its trained weights, on whatever device it was trained.

    Args:
        data_dir: where the data lie now; None for where they lay when the run was trained.
        device: where the model shall be.

    Raises:
        RunsMissing: if the run has no result.
        Damaged: if a file of it is not what was written.
        UsageError, PluginError: if its plugins, checkpoint or data are not there any more, or
            the device is not.
    """
    record = folder.record()
    if record.damage:
        raise Damaged(folder.key, record.damage)
    if record.state != "done":
        raise RunsMissing(f"run {folder.key[:12]} is {record.state}, so it has no model")
    folder.check(CHECKPOINT)
    run = prepare(folder, data_dir, device=device)
    now = Identifier().components(run.resolved)
    check_unchanged(run.identity, now, since=f"run {folder.key[:12]} was trained")
    model = run.assembled.model
    try:
        found = model.load_state_dict(load_file(folder.path / CHECKPOINT), strict=False)
    except (SafetensorError, RuntimeError) as error:  # torch's word for another shape
        raise folder.damaged(f"{CHECKPOINT}: {' '.join(str(error).split())}") from None
    if found.unexpected_keys or set(found.missing_keys) != model.frozen_names():
        raise folder.damaged(f"{CHECKPOINT}: it does not fit the run's model")
    return run


@dataclass(frozen=True)
class Evaluated:
    """Each task's metrics on a split, the overall, and the rows that could not be read."""

    scores: dict[str, Scores]
    overall: float | None
    left_out: Mapping[str, tuple[BadRow, ...]]


def evaluate(
    folder: RunFolder, split: Split, data_dir: Path | None = None, *, device: str = CPU
) -> Evaluated:
    """Score a stored run's model on a split; the one reader of test labels.

    That test labels were read is logged in the run's store before anybody sees a score.

    Args:
        data_dir: where the data lie now; None for where they lay when the run was trained.
        device: where to compute.

    Raises:
        UsageError: if a task has no labels for that split, or the store cannot be written.
    """
    run = restore(folder, data_dir, device=device)
    tasks = run.resolved.cell.tasks
    with naming(run.entries):
        loaded = {task: run.load(task, split, with_labels=True) for task in tasks}
        splits = {task: run.tokenised(task, examples) for task, examples in loaded.items()}
        _, scores = predict_and_score(run.assembled.model, splits)
    left_out = {task: examples.bad_rows for task, examples in loaded.items()}
    evaluated = Evaluated(scores, overall(tasks, scores), left_out)
    if split == "test":
        held_out.log_use(folder, scores, evaluated.overall)
    return evaluated


@dataclass(frozen=True)
class Written:
    """A file of predictions, and the rows of the data that could not be read for it."""

    file: Path
    left_out: tuple[BadRow, ...]


def write_predictions(
    folder: RunFolder,
    split: Split,
    out: Path,
    data_dir: Path | None = None,
    *,
    device: str = CPU,
) -> Iterator[Written]:
    """Write one file a task, in the format that the CS224N leaderboard takes, and yield each.

    Args:
        data_dir: where the data lie now; None for where they lay when the run was trained.
        device: where to compute.

    Raises:
        UsageError: if a task's data are not there, or the folder cannot be made.
    """
    run = restore(folder, data_dir, device=device)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be made: {error}") from None
    infos = run.resolved.cell.tasks
    submissions = {
        task: info.submission or Submission(task, "Prediction") for task, info in infos.items()
    }
    stems = [submission.stem for submission in submissions.values()]
    for task, submission in submissions.items():
        with naming(run.entries):
            examples = run.load(task, split, with_labels=False)
            values = predict(run.assembled.model, task, run.tokenised(task, examples))
        predicted = dict(zip(examples.ids, values, strict=True))
        # Two tasks of one kind would write to one file: then each goes by its own name.
        stem = submission.stem if stems.count(submission.stem) == 1 else task
        file = out / f"{stem}-{split}-output.csv"
        with renamed(file) as temporary:
            text = submission_text(submission.column, infos[task], predicted)
            temporary.write_text(text, encoding="utf-8")
        yield Written(file, examples.bad_rows)


def submission_text(column: str, info: TaskInfo, predicted: Mapping[str, float]) -> str:
    """Return a submission file: a header, then ``id , value`` a line, with CS224N's blanks."""
    values = {
        key: str(round(value)) if info.score_range is None else repr(value)
        for key, value in predicted.items()
    }
    return f"id \t {column} \n" + "".join(f"{key} , {text} \n" for key, text in values.items())
