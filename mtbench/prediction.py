"""Prediction: a stored run's model on dev or test, its scores, and the files to submit."""

from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import load_file

from mtbench.errors import RunsMissing
from mtbench.evaluation import Scores, overall, predict, predict_and_score
from mtbench.protocols import Examples, Split, Submission, TaskInfo
from mtbench.runner import Run, prepare
from mtbench.store import CHECKPOINT, RunFolder, renamed


def restore(folder: RunFolder, data_dir: Path | None = None) -> Run:
    """Return a stored run with its trained weights.

    Raises:
        RunsMissing: if the run has no result.
        UsageError, PluginError: if its plugins, checkpoint or data are not there any more.
    """
    if folder.state() != "done":
        raise RunsMissing(f"run {folder.key[:12]} is {folder.state()}, so it has no model")
    run = prepare(folder, data_dir)
    run.assembled.model.load_state_dict(load_file(folder.path / CHECKPOINT), strict=False)
    return run


def evaluate(
    folder: RunFolder, split: Split, data_dir: Path | None = None
) -> tuple[dict[str, Scores], float | None]:
    """Return each task's metrics on a split, and the overall; the one reader of test labels.

    Args:
        data_dir: where the data lie now; None for where they lay when the run was trained.

    Raises:
        UsageError: if a task has no labels for that split.
    """
    run = restore(folder, data_dir)
    tasks = run.resolved.cell.tasks
    splits = {task: run.tokenised(task, run.load(task, split, with_labels=True)) for task in tasks}
    _, scores = predict_and_score(run.assembled.model, splits)
    return scores, overall(tasks, scores)


def write_predictions(
    folder: RunFolder, split: Split, out: Path, data_dir: Path | None = None
) -> list[Path]:
    """Write one file a task, in the format that the CS224N leaderboard takes.

    Args:
        data_dir: where the data lie now; None for where they lay when the run was trained.

    Raises:
        UsageError: if a task's data are not there.
    """
    run = restore(folder, data_dir)
    out.mkdir(parents=True, exist_ok=True)
    files = []
    for task, info in run.resolved.cell.tasks.items():
        examples = run.load(task, split, with_labels=False)
        submission = info.submission or Submission(task, "Prediction")
        file = out / f"{submission.stem}-{split}-output.csv"
        if file in files:
            file = out / f"{task}-{split}-output.csv"
        predicted = dict(zip(examples.ids, _predict(run, task, examples), strict=True))
        with renamed(file) as temporary:
            text = submission_text(submission.column, info, predicted)
            temporary.write_text(text, encoding="utf-8")
        files.append(file)
    return files


def submission_text(column: str, info: TaskInfo, predicted: Mapping[str, float]) -> str:
    """Return a submission file: a header, then ``id , value`` a line, with CS224N's blanks."""
    values = {
        key: str(round(value)) if info.score_range is None else repr(value)
        for key, value in predicted.items()
    }
    return f"id \t {column} \n" + "".join(f"{key} , {text} \n" for key, text in values.items())


def _predict(run: Run, task: str, examples: Examples) -> list[float]:
    return predict(run.assembled.model, task, run.tokenised(task, examples))
