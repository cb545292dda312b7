"""Predictions for a dev set: mtbench beside sentence-transformers."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch

from contenders.encoding import NEEDS, OURS, OURS_TEXT, TASK, TITLES, Predict, ours, theirs, tokens
from contenders.report import Measured, Report
from contenders.rounds import WARMUP, clock, replay, take_turns
from contenders.work import plain, read

pytestmark = pytest.mark.benchmark(timer=clock)


@pytest.fixture(scope="module")
def material(source: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A prepared run, and the STS dev set as read and as lists of ids."""
    folder = tmp_path_factory.mktemp("encoding") / "run"
    run = source.run(folder, "sum", batch_size=8, steps=1, dropout=0.1)
    dev = read(run, "dev", (TASK,))[TASK]
    return run, dev, plain(run, dev)


@pytest.fixture(scope="module")
def contenders(source: Any, material: Any) -> Mapping[str, Predict]:
    """What takes turns, by name."""
    run, dev, lists = material
    score_range = run.assembled.model.tasks[TASK].info.score_range
    built = ours(run, dev)
    try:
        return built | theirs(source, dev, lists, score_range[1])
    except ImportError:
        return built


@pytest.fixture(scope="module")
def measured(
    contenders: Mapping[str, Predict], material: Any, rounds: int, threads: int, report: Report
) -> Measured:
    """Let all contenders take turns on the whole dev set."""
    torch.set_num_threads(threads)

    def turn(predict: Predict) -> Callable[[int], list[float]]:
        return lambda _: predict()

    turns = {name: turn(predict) for name, predict in contenders.items()}
    seconds = take_turns(turns, range(rounds + WARMUP))
    _, _, lists = material
    report.encoding = Measured(seconds, [tokens(lists.columns)] * rounds)
    return report.encoding


def needed(name: str) -> None:
    """Skip where a contender's package is missing."""
    if name in NEEDS:
        pytest.importorskip(NEEDS[name], reason=f"{NEEDS[name]} is not installed")


@pytest.mark.parametrize("name", TITLES)
def test_all_predict_the_same(name: str, contenders: Mapping[str, Predict]) -> None:
    needed(name)
    assert contenders[name]() == pytest.approx(contenders[OURS](), abs=1e-4)


@pytest.mark.parametrize("name", TITLES)
def test_encoding(name: str, measured: Measured, benchmark: Any) -> None:
    needed(name)
    replay(
        benchmark,
        "predictions for the STS dev set",
        measured.seconds[name],
        ratio_to_ours_from_token_ids=measured.median_ratio(name, OURS),
        ratio_to_ours_from_text=measured.median_ratio(name, OURS_TEXT),
        tokens_per_second=measured.tokens_per_second(name),
    )
