import io
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.progress import Progress, TextColumn

from mtbench.executors.process import WAITING_FOR, Job
from mtbench.store import Failure, Result, Store
from mtbench.study.cost_relatives import Breakdown
from mtbench.study.durations import Estimate, Expectation
from mtbench.study.progress import (
    SILENCE_SECONDS,
    WIDTH,
    Bars,
    ProgressLines,
    Silence,
    observing,
    outcome,
)

KEY = "0123456789abcdef"
STEP = {"event": "step", "step": 3, "total": 8, "losses": {"sst": 1.5}}
FAILED = Failure(error="NonFiniteLoss: it is [bold]nan", traceback="")


@pytest.fixture
def done(a_result: Callable[..., Any]) -> Result:
    spent = a_result().cost.model_dump() | {"steps": TOOK.steps}
    parts = {"training": TOOK.training, "evaluation": TOOK.evaluation, "computing": 0.0}
    spent["seconds"] = {**parts, "total": TOOK.seconds}
    result: Result = a_result(overall=0.25, cost=spent)
    return result


def job(name: str = "a cell [seed 0]", key: str = KEY) -> Job:
    asked: Any = None
    return Job(name, Store(Path("store")).run(key), threads=1, request=asked)


def test_outcomes(done: Result) -> None:
    assert outcome(job(), done) == "overall 0.250"
    assert outcome(job(), done.model_copy(update={"overall": None})) == "overall undefined"
    assert outcome(job(), FAILED) == (
        "failed: NonFiniteLoss: it is [bold]nan (mtbench status 0123456789ab --log)"
    )


def runs(total: int) -> Estimate:
    """Return the estimate of so many runs that nothing is known of."""
    unknown = [Expectation(f"run {number}", "a cell", 1) for number in range(total)]
    return Estimate(None, 0, total, jobs=2, expected=unknown)


TOOK = Breakdown(starting=10.0, training=100.0, evaluation=40.0, steps=100, evaluations=1)


def expected(*keys: str) -> Estimate:
    """Return the estimate of runs of which each takes 150 s, two at a time."""
    known = [Expectation(key, "a cell", 1, TOOK) for key in keys]
    return Estimate(150.0, len(keys), 0, jobs=2, expected=known)


def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the time that progress sees, to be moved on."""
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def test_lines_where_stderr_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, done: Result
) -> None:
    now = clock(monkeypatch)
    one, two = job("one"), job("two", "f" * 16)

    with observing(runs(2)) as observer:
        assert isinstance(observer, ProgressLines)
        observer.started(one)
        now[0] += 2
        observer.started(two)
        observer.progressed(one, STEP)
        now[0] += 2.6
        observer.finished(one, FAILED)
        now[0] += 7.4
        observer.finished(two, done)

    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "[1/2] one ...",
        "[2/2] two ...",
        f"one: {outcome(one, FAILED)} (5 s)",
        "two: overall 0.250 (10 s)",
    ]


def test_a_long_run_gives_a_sign_of_life(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = clock(monkeypatch)
    observer = ProgressLines(runs(2))
    one, two = job("one"), job("two", "f" * 16)
    observer.started(one)
    observer.started(two)
    capsys.readouterr()

    for seconds in (SILENCE_SECONDS - 1, 1, SILENCE_SECONDS - 1):
        now[0] += seconds
        observer.progressed(one, STEP)
    assert capsys.readouterr().err == "one: step 3 of 8\n"
    observer.progressed(two, {"event": "evaluation", "step": 3, "scores": {}})
    assert capsys.readouterr().err == "two: evaluating\n"
    now[0] += SILENCE_SECONDS
    observer.progressed(one, {"event": "phase", "phase": "loading"})
    assert capsys.readouterr().err == "one: loading\n"


def bars(estimate: Estimate) -> tuple[Bars, Progress, io.StringIO]:
    text = io.StringIO()
    phase = TextColumn("{task.fields[phase]}")
    progress = Progress(phase, console=Console(file=text, width=200), auto_refresh=False)
    return Bars(progress, estimate), progress, text


def shown(progress: Progress) -> list[tuple[str, float | None, float, Any]]:
    return [(t.description, t.total, t.completed, t.fields["phase"]) for t in progress.tasks]


def times_to_go(progress: Progress) -> list[str]:
    return [task.fields["left"] for task in progress.tasks]


def step(done: int, at: float) -> dict[str, Any]:
    return {"event": "step", "step": done, "total": 100, "losses": {}, "seconds": at}


EVALUATING = {"event": "phase", "phase": "evaluating", "seconds": 110.0}
WAITS = {WAITING_FOR: "a host, process 12"}
WAITING = "waiting for another process that trains this run (a host, process 12)"


def test_lines_tell_the_time_to_go(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, done: Result
) -> None:
    now = clock(monkeypatch)
    one, two, three = (job(name, name) for name in ("one", "two", "three"))

    with observing(replace(expected("one", "two", "three"), seconds=300.0)) as observer:
        observer.started(one)
        observer.started(two)
        now[0] += SILENCE_SECONDS
        observer.progressed(one, step(50, 60.0))
        observer.progressed(two, step(100, 60.0))
        now[0] += 90
        observer.finished(one, done)
        observer.started(three)
        observer.finished(two, done)
        now[0] += 150
        observer.finished(three, done)

    assert capsys.readouterr().err.splitlines() == [
        "about 5 min for 3 runs, two at a time",
        "[1/3] one ...",
        "[2/3] two ...",
        "one: step 50 of 100; about 4 min to go",  # 90 s, and 150 s of the third
        "two: step 100 of 100; about 3 min to go",  # 40 s, and 150 s
        "one: overall 0.250 (150 s); about 2 min to go",
        "[3/3] three ...",
        "two: overall 0.250 (150 s); about 2 min to go",
        "three: overall 0.250 (150 s)",
    ]


def test_bars_tell_the_time_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    now = clock(monkeypatch)
    observer, progress, _ = bars(expected("one", "two", "three"))
    assert times_to_go(progress) == ["0:05:00"]

    for name in ("one", "two"):
        observer.started(job(name, name))
    now[0] += 110
    observer.progressed(job("two", "two"), step(1, 11.0))
    observer.progressed(job("one", "one"), step(100, 110.0))
    assert times_to_go(progress) == ["0:03:10", "0:00:40", "0:02:19"]

    now[0] += 1
    observer.progressed(job("one", "one"), EVALUATING)
    now[0] += 39.5
    observer.progressed(job("one", "one"), EVALUATING)
    assert times_to_go(progress)[1] == "0:00:01"  # and not nothing: it is not yet done


def test_bars_do_not_freeze_while_runs_are_left(
    monkeypatch: pytest.MonkeyPatch, done: Result
) -> None:
    now = clock(monkeypatch)
    names = [f"run {number}" for number in range(6)]
    observer, progress, _ = bars(expected(*names))
    for first in (0, 2):
        for name in names[first : first + 2]:
            observer.started(job(name, name))
        now[0] += 150
        for name in names[first : first + 2]:
            observer.finished(job(name, name), done)

    assert times_to_go(progress) == ["0:02:30"]


def test_bars_without_evidence_promise_nothing() -> None:
    observer, progress, _ = bars(runs(1))
    observer.started(job())
    assert times_to_go(progress) == ["-:--:--", "-:--:--"]


def test_bars_say_whom_a_process_waits_for() -> None:
    observer, progress, _ = bars(runs(1))
    observer.started(job())

    observer.progressed(job(), {**STEP, **WAITS})
    assert shown(progress)[1] == (job().name, 8, 3, WAITING)
    observer.progressed(job(), {"event": "evaluation", "step": 8, "scores": {}, **WAITS})
    assert shown(progress)[1] == (job().name, 8, 3, WAITING)
    observer.progressed(job(), {"event": "phase", "phase": "loading"})
    assert shown(progress)[1] == (job().name, 8, 3, "loading")


def test_lines_say_at_once_whom_a_process_waits_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = clock(monkeypatch)
    observer = ProgressLines(runs(1))
    observer.started(job("one"))
    capsys.readouterr()

    for _ in range(3):
        observer.progressed(job("one"), {"event": "phase", "phase": "waiting", **WAITS})
    assert capsys.readouterr().err == f"one: {WAITING}\n"
    now[0] += SILENCE_SECONDS
    observer.progressed(job("one"), {**STEP, **WAITS})
    assert capsys.readouterr().err == f"one: {WAITING}\n"
    now[0] += SILENCE_SECONDS
    observer.progressed(job("one"), STEP)
    assert capsys.readouterr().err == "one: step 3 of 8\n"


def test_bars_follow_the_runs(done: Result) -> None:
    observer, progress, text = bars(runs(2))
    one = job("one")

    observer.started(one)
    assert shown(progress) == [("runs", 2, 0, ""), ("one", None, 0, "starting")]
    observer.progressed(one, {"event": "phase", "phase": "loading"})
    assert shown(progress)[1] == ("one", None, 0, "loading")
    observer.progressed(one, STEP)
    assert shown(progress)[1] == ("one", 8, 3, "training")
    observer.progressed(one, {"event": "evaluation", "step": 3, "scores": {}})
    assert shown(progress)[1] == ("one", 8, 3, "training")
    observer.finished(one, done)
    assert shown(progress) == [("runs", 2, 1, "")]
    assert text.getvalue() == ""


def test_bars_tell_a_failure_as_it_stands() -> None:
    observer, _, text = bars(runs(1))
    observer.started(job())

    observer.finished(job(), FAILED)

    assert text.getvalue() == f"{job().name}: {outcome(job(), FAILED)}\n"


def test_a_long_name_shows_its_end() -> None:
    observer, progress, _ = bars(runs(1))
    observer.started(job("x" * 40 + ", heads.sts=relu-cosine [seed 1]"))

    name = progress.tasks[1].description
    assert len(name) == WIDTH
    assert name.startswith("…")
    assert name.endswith(", heads.sts=relu-cosine [seed 1]"[-WIDTH + 1 :])


def test_bars_where_stderr_is_a_terminal(monkeypatch: pytest.MonkeyPatch, done: Result) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())

    with observing(runs(1)) as observer:
        assert isinstance(observer, Bars)
        observer.started(job())
        observer.finished(job(), done)


@pytest.mark.parametrize(("widgets", "kind"), [(True, Bars), (False, ProgressLines)])
def test_a_notebook_has_bars_where_it_can_show_them(
    monkeypatch: pytest.MonkeyPatch, widgets: bool, kind: type
) -> None:
    monkeypatch.setitem(sys.modules, "IPython", sys)
    monkeypatch.setattr(
        "mtbench.study.progress.find_spec", lambda name: sys.__spec__ if widgets else None
    )
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setattr(Progress, "__enter__", lambda self: self)
    monkeypatch.setattr(Progress, "__exit__", lambda *_: None)

    with observing(runs(1)) as observer:
        assert isinstance(observer, kind)


def test_silence_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    silence = Silence()
    silence.started(job())
    silence.progressed(job(), STEP)
    silence.finished(job(), FAILED)

    assert capfd.readouterr() == ("", "")


def test_what_is_hidden_in_a_name_is_shown_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    named, failed = job("a\x1b\n"), Failure(error="\x9b[2J", traceback="")
    lines = ProgressLines(runs(1))
    lines.started(named)
    lines.finished(named, failed)
    assert capsys.readouterr().err.startswith("[1/1] a\\x1b\\n ...\na\\x1b\\n: failed: \\x9b[2J")

    observer, progress, text = bars(runs(1))
    observer.started(named)
    assert shown(progress)[1][0] == "a\\x1b\\n"
    observer.finished(named, failed)
    assert text.getvalue().startswith("a\\x1b\\n: failed: \\x9b[2J")
