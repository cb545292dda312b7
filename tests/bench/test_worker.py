import io
import json
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from mtbench.bench import worker as bench_worker
from mtbench.bench.worker import TimedCell, serve
from mtbench.runs.runner import load_data, prepare, read_splits
from mtbench.store import RunFolder
from mtbench.system.processes import ORPHANED
from mtbench.training.training import Trainer
from mtbench_builtins.encoders.tokenizer import WordPieceTokenizer

Request = Callable[..., RunFolder]

FROZEN = {"encoder.mode": "frozen"}


def tokens_of_steps(folder: RunFolder, count: int) -> list[int]:
    """Return the tokens of each step of a run that is trained as usual."""
    run = prepare(folder)
    training = load_data(run, read_splits(run)).training
    subject = Trainer(run.assembled, training, run.resolved.cell.train, run.seed)
    totals = [0]
    for _ in range(count):
        subject.step()
        totals.append(subject.record.tokens)
    return [after - before for before, after in pairwise(totals)]


# --- steps ------------------------------------------------------------------------------------


def test_steps_are_those_of_training(request_run: Request) -> None:
    folder = request_run()
    expected = tokens_of_steps(folder, 3)

    subject = TimedCell(folder.path, 3)

    assert [subject.step()["tokens"] for _ in range(3)] == expected


def test_a_sample_has_its_parts(request_run: Request) -> None:
    subject = TimedCell(request_run().path, 2)

    sample = subject.step()

    assert 0 < sample["computing"] < sample["seconds"]
    assert sample["product_seconds"] > 0
    # Layer of width 16 and intermediate 32, the shapes q k v, output and pooler, up, down.
    distinct = 3 * 16 * 16 + 16 * 16 + 2 * (16 * 32)
    assert sample["flops"] == 6 * sample["tokens"] * distinct


def test_the_products_of_a_step_are_counted_and_those_after_it_are_not(
    request_run: Request,
) -> None:
    subject = TimedCell(request_run().path, 2)

    subject.warm_up()

    layers = 6 * (4 * 16 * 16 + 2 * (16 * 32))  # each weight has three products
    flops = subject.footprint()["flops_per_token"]
    assert layers < flops < 1.5 * layers  # attention over short sentences, and small heads


def test_a_frozen_encoder_has_products_forward_only(request_run: Request) -> None:
    subject = TimedCell(request_run(FROZEN).path, 1)

    sample = subject.step()

    assert sample["flops"] == 2 * sample["tokens"] * (3 * 16 * 16 + 16 * 16 + 2 * (16 * 32))


def test_a_combiner_that_observes_has_the_products_of_a_pass_more(
    request_run: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, watched = (
        TimedCell(request_run({"combiner": name}).path, 5) for name in ("sum", "famo")
    )
    for subject in (plain, watched):
        subject.warm_up()
        assert subject.step()["tokens"] > 0

    once, more = (s.footprint()["flops_per_token"] for s in (plain, watched))
    assert more == pytest.approx(once * 4 / 3, rel=0.02)  # two products to go back, one forward


def test_micro_batches_have_the_products_of_the_whole(
    request_run: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = []
    for size in (4, 2):
        changes = {"combiner": "pcgrad", "train.micro_batch_size": size}
        subject = TimedCell(request_run(changes).path, 2)
        subject.warm_up()
        counts.append(subject.footprint()["flops_per_token"])

    assert counts[0] == counts[1] > 6 * (4 * 16 * 16 + 2 * (16 * 32))


def test_products_are_done_in_the_precision_of_the_steps(
    request_run: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    types: list[torch.dtype] = []

    def noted(weights: Any, tokens: int, dtype: torch.dtype) -> tuple[int, float]:
        types.append(dtype)
        return 1, 1.0

    monkeypatch.setattr(bench_worker, "multiply", noted)
    subject = TimedCell(request_run({"train.precision": "bfloat16"}).path, 2)
    subject.warm_up()
    subject.step()

    assert types == [torch.bfloat16] * 2
    assert subject.footprint()["precision"] == "bfloat16"


# --- the footprint ----------------------------------------------------------------------------


def test_a_schedule_that_is_too_short_is_made_longer(request_run: Request) -> None:
    subject = TimedCell(request_run({"train.epochs": 1}).path, 25)

    for _ in range(25):
        subject.warm_up()

    footprint = subject.footprint()
    assert footprint["run_steps"] == 10  # 40 paraphrases in batches of 4


def test_the_footprint(request_run: Request) -> None:
    subject = TimedCell(request_run().path, 2)
    subject.warm_up()

    footprint = subject.footprint()

    assert list(footprint) == [
        "flops_per_token",
        "peak_mb",
        "peak_device_mb",
        "precision",
        "run_steps",
        "loading_s",
        "evaluation_s",
    ]
    assert footprint["precision"] == "float32"
    assert footprint["peak_device_mb"] is None
    assert footprint["peak_mb"] > 50
    assert footprint["loading_s"] > 0


def test_evaluation_is_reckoned_from_examples_of_dev(
    request_run: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a clock that counts predicted examples, the reckoning is exact."""
    monkeypatch.setattr(bench_worker, "SCORED_TOKENS", 60)
    monkeypatch.setattr(bench_worker, "FIRST", 1)
    clock = [0.0]
    predicted: list[Any] = []

    def predict(model: Any, task: str, examples: Any) -> None:
        clock[0] += len(examples)
        predicted.append(examples)

    subject = TimedCell(request_run({"train.evaluations": 2, "data.train_sample": 7}).path, 2)
    subject.warm_up()
    monkeypatch.setattr(bench_worker, "predict", predict)
    monkeypatch.setattr(bench_worker.time, "perf_counter", lambda: clock[0])

    # Each of three tasks: twice 12 examples of dev, and once a sample of 7.
    assert subject.footprint()["evaluation_s"] == pytest.approx(3 * (2 * 12 + 7))
    for first, part, (task, dev) in zip(
        predicted[::2], predicted[1::2], subject._data.dev.items(), strict=True
    ):
        assert first.ids == part.ids[:1]
        assert set(part.ids) < set(dev.ids), task
        assert len(part) - 1 < 60 / (dev.lengths.sum() / len(dev)) <= len(part)


def test_a_small_dev_is_evaluated_whole(
    request_run: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    subject = TimedCell(request_run().path, 2)
    subject.warm_up()
    monkeypatch.setattr(
        bench_worker, "predict", lambda model, task, examples: sizes.append(len(examples))
    )

    subject.footprint()

    assert sizes == [12] * 6


def test_loading_has_no_tokenising_in_it_where_token_ids_are_kept(
    request_run: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a clock that counts calls of the tokenizer."""
    clock = [0.0]
    encode = WordPieceTokenizer.encode

    def counted(self: WordPieceTokenizer, items: Any) -> Any:
        clock[0] += 1
        return encode(self, items)

    monkeypatch.setattr(WordPieceTokenizer, "encode", counted)
    monkeypatch.setattr(bench_worker.time, "perf_counter", lambda: clock[0])

    first = TimedCell(request_run().path, 2)
    calls = clock[0]
    second = TimedCell(request_run().path, 2)

    assert calls > 0
    assert (first._loading, second._loading, clock[0]) == (0, 0, calls)

    monkeypatch.delattr(WordPieceTokenizer, "fingerprint")
    assert TimedCell(request_run().path, 2)._loading == calls  # each run makes them anew


# --- orders and answers -----------------------------------------------------------------------


def answers_to(folder: Path, *orders: str) -> list[dict[str, Any]]:
    written = io.StringIO()
    serve(str(folder), "3", io.StringIO("".join(f"{order}\n" for order in orders)), written)
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_every_order_has_an_answer(request_run: Request) -> None:
    ready, warm, step, footprint = answers_to(request_run().path, "warm_up", "step", "footprint")

    assert (ready, warm) == ({"status": "ready"}, {"status": "done", "value": None})
    assert step["value"]["tokens"] > 0
    assert footprint["value"]["run_steps"] == 3


def test_an_error_is_the_last_answer(
    request_run: Request, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(self: Trainer) -> None:
        raise ArithmeticError("no\nnumber")

    monkeypatch.setattr(Trainer, "step", fail)

    ready, failed = answers_to(request_run().path, "step", "step")

    assert ready == {"status": "ready"}
    assert (failed["status"], failed["error"]) == ("failed", "ArithmeticError: no number")
    assert "Traceback" in capsys.readouterr().err


def test_an_error_before_the_first_step_is_an_answer_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (failed,) = answers_to(tmp_path)

    assert failed["status"] == "failed"
    assert "Traceback" in capsys.readouterr().err


def test_what_is_printed_is_no_answer(request_run: Request, tmp_path: Path) -> None:
    plugin = tmp_path / "noisy_head.py"
    plugin.write_text('print("hello from the plugin")\n')
    folder = request_run(plugins=[plugin])

    with subprocess.Popen(
        [sys.executable, "-m", "mtbench.bench.worker", folder.path, "2", plugin],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("step\n")
        process.stdin.flush()
        answers = [process.stdout.readline() for _ in range(2)]
        rest, printed = process.communicate()

    assert [json.loads(line)["status"] for line in answers] == ["ready", "done"]
    assert rest == ""
    assert "hello from the plugin" in printed
    assert process.returncode == ORPHANED  # its orders ended without an end of its own
