from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from mtbench.store import Failure, Result
from mtbench.study.cost_relatives import Breakdown
from mtbench.study.durations import Estimate, Expectation
from mtbench.study.forecast import Forecast

RUN = Breakdown(starting=2.0, training=40.0, evaluation=20.0, steps=40, evaluations=2)
"""A run of 62 s: 40 steps of a second, and an evaluation of 10 s after 20 and after 40 of them."""

STEPS = 40


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def forecast(
    clock: Clock, names: str, jobs: int = 2, *, took: Breakdown | None = RUN, evaluations: int = 2
) -> Forecast:
    """Return a forecast of runs ``a1``, ``a2``, ...: a cell's letter and a seed."""
    runs = [Expectation(name, name[0], evaluations, took) for name in names.split()]
    known = len(runs) if took is not None else 0
    return Forecast(Estimate(None, known, len(runs) - known, jobs, expected=runs), clock)


@pytest.fixture
def result(a_result: Callable[..., Any]) -> Callable[..., Result]:
    """Give a function that returns the result of a run that took so long."""

    def make(took: Breakdown = RUN) -> Result:
        spent = a_result().cost.model_dump() | {"steps": took.steps}
        parts = {"training": took.training, "evaluation": took.evaluation, "computing": 0.0}
        spent["seconds"] = {"total": took.seconds, **parts}
        made: Result = a_result(cost=spent, evaluations=took.evaluations)
        return made

    return make


def loading(at: float) -> dict[str, Any]:
    return {"event": "phase", "phase": "loading", "seconds": at}


def evaluating(at: float) -> dict[str, Any]:
    return {"event": "phase", "phase": "evaluating", "seconds": at}


def evaluation(step: int, at: float) -> dict[str, Any]:
    return {"event": "evaluation", "step": step, "scores": {}, "seconds": at}


def step(done: int, at: float, total: int = STEPS) -> dict[str, Any]:
    return {"event": "step", "step": done, "total": total, "losses": {}, "seconds": at}


def events(slower: float = 1.0) -> Iterator[tuple[float, dict[str, Any]]]:
    """Yield the events of such a run, each with the seconds since it started."""
    now = 0.0
    yield now, loading(now)
    now += 2 * slower
    for done in range(1, STEPS + 1):
        now += slower
        yield now, step(done, now)
        if done in (20, 40):
            yield now, evaluating(now)
            now += 10 * slower
            yield now, evaluation(done, now)


def test_before_a_run_starts_the_estimate_counts(clock: Clock) -> None:
    assert forecast(clock, "a1 a2 b1", jobs=1).seconds() == 3 * 62
    assert forecast(clock, "a1 a2 b1", jobs=2).seconds() == 2 * 62
    assert forecast(clock, "a1 a2 b1", jobs=9).seconds() == 62
    assert forecast(clock, "", jobs=1).seconds() == 0


def test_without_any_evidence_nobody_can_tell(clock: Clock) -> None:
    runs = forecast(clock, "a1 a2", took=None)
    assert runs.seconds() is None
    runs.started("a1")
    assert (runs.seconds(), runs.seconds_of("a1")) == (None, None)
    runs.progressed("a1", loading(0.0))
    runs.progressed("a1", step(1, 3.0))
    assert runs.seconds() is None


@pytest.mark.parametrize("slower", [1.0, 2.5])
@pytest.mark.parametrize("known", [True, False])
def test_a_run_counts_down_to_its_end(clock: Clock, slower: float, known: bool) -> None:
    runs = forecast(clock, "a1", took=RUN if known else None)
    began, whole = clock.now, 62 * slower
    runs.started("a1")

    for at, event in events(slower):
        clock.now = began + at
        runs.progressed("a1", event)
        if event.get("step", 0) > 20:  # the first evaluation was seen
            assert runs.seconds() == pytest.approx(whole - at)
            assert runs.seconds_of("a1") == runs.seconds()


def test_what_was_expected_counts_until_it_is_seen(clock: Clock) -> None:
    runs = forecast(clock, "a1")
    runs.started("a1")
    began = clock.now
    for at, event in events():
        clock.now = began + at
        runs.progressed("a1", event)
        assert runs.seconds() == pytest.approx(62 - at)


def test_an_evaluation_has_its_own_share(clock: Clock) -> None:
    runs = forecast(clock, "a1")
    runs.started("a1")
    for done in range(1, STEPS + 1):
        runs.progressed("a1", step(done, 2.0 + done))
    clock.now += 42
    assert runs.seconds_of("a1") == 10.0  # no step is left

    runs.progressed("a1", evaluating(42.0))
    for seconds, left in [(4.0, 6.0), (5.0, 1.0)]:
        clock.now += seconds
        runs.progressed("a1", evaluating(42.0))  # the same event again
        assert runs.seconds_of("a1") == pytest.approx(left)


@pytest.mark.parametrize("took", [RUN, None])
def test_what_is_overdue_is_never_about_to_end(clock: Clock, took: Breakdown | None) -> None:
    runs = forecast(clock, "a1", took=took, evaluations=1)
    runs.started("a1")
    runs.progressed("a1", step(39, 41.0))
    runs.progressed("a1", step(40, 42.0))
    runs.progressed("a1", evaluating(42.0))
    clock.now += 300
    runs.progressed("a1", evaluating(42.0))

    left = runs.seconds()

    assert left is not None
    assert left >= 280


def test_a_start_that_is_overdue_is_not_about_to_end(clock: Clock) -> None:
    runs = forecast(clock, "a1")
    runs.started("a1")
    clock.now += 600

    left = runs.seconds()

    assert left is not None
    assert left > 600


def drive(clock: Clock, runs: Forecast, names: Sequence[str], jobs: int, ended: Result) -> Any:
    """Let runs take their time, so many at a time; yield the time to go and what it truly is."""
    moments = list(events(1.0))
    whole = 62.0
    began = clock.now
    rounds = -(-len(names) // jobs)
    for first in range(0, len(names), jobs):
        together = names[first : first + jobs]
        start = clock.now
        for name in together:
            runs.started(name)
        for at, event in moments:
            clock.now = start + at
            for name in together:
                runs.progressed(name, event)
            yield runs.seconds(), rounds * whole - (clock.now - began)
        clock.now = start + whole
        for name in together:
            runs.finished(name, ended)


@pytest.mark.parametrize("jobs", [1, 2, 3])
@pytest.mark.parametrize("known", [True, False])
def test_it_is_right_with_any_number_of_runs_at_a_time(
    clock: Clock, jobs: int, known: bool, result: Callable[..., Result]
) -> None:
    names = [f"a{seed}" for seed in range(6)]
    runs = forecast(clock, " ".join(names), jobs, took=RUN if known else None)

    for number, (told, truth) in enumerate(drive(clock, runs, names, jobs, result())):
        if known or number > 30:
            assert told == pytest.approx(truth)
    assert runs.seconds() == 0


def test_with_two_at_a_time_it_does_not_freeze_while_runs_are_left(
    clock: Clock, result: Callable[..., Result]
) -> None:
    names = [f"a{seed}" for seed in range(6)]
    runs = forecast(clock, " ".join(names), took=None)
    runs.started("a0")
    runs.started("a1")
    clock.now += 62
    for name in ("a0", "a1"):
        runs.finished(name, result())  # in one burst

    assert runs.seconds() == 2 * 62
    runs.started("a2")
    runs.started("a3")
    assert runs.seconds() == 2 * 62
    clock.now += 1
    assert runs.seconds() == 2 * 62 - 1


def test_it_is_never_less_than_what_a_run_under_way_needs(clock: Clock) -> None:
    runs = forecast(clock, "a1 b1", jobs=2)
    for name in ("a1", "b1"):
        runs.started(name)
    for seconds in range(3, 30):
        clock.now += 1
        runs.progressed("a1", step(seconds - 2, 1.0 * seconds))
        runs.progressed("b1", step(seconds - 2, 9.0 * seconds))  # nine times slower
        left = runs.seconds()
        slowest = max(runs.seconds_of("a1") or 0.0, runs.seconds_of("b1") or 0.0)
        assert left == slowest > 0


def test_what_is_done_tells_of_its_cell_and_of_how_far_estimates_hold(
    clock: Clock, result: Callable[..., Result]
) -> None:
    runs = forecast(clock, "a1 a2 b1", jobs=1)
    runs.started("a1")
    clock.now += 124
    runs.finished("a1", result(RUN.times(2.0)))

    assert runs.seconds() == 4 * 62  # the other cell is expected to take twice as long too

    runs.started("a2")
    clock.now += 186
    runs.finished("a2", result(RUN.times(3.0)))
    assert runs.seconds() == 2.5 * 62


def test_of_a_failed_run_nothing_is_learnt(clock: Clock) -> None:
    runs = forecast(clock, "a1 a2", jobs=1)
    runs.started("a1")
    clock.now += 1
    runs.finished("a1", Failure(error="it broke", traceback=""))

    assert runs.seconds() == 62


def test_a_run_that_begins_anew_begins_at_its_first_step(clock: Clock) -> None:
    runs = forecast(clock, "a1")
    runs.started("a1")
    runs.progressed("a1", step(38, 38.0))  # of the process that trained it before
    assert runs.seconds_of("a1") == pytest.approx(2.0 + 10.0)

    runs.progressed("a1", loading(0.0))
    assert runs.seconds_of("a1") == pytest.approx(62.0)
    runs.progressed("a1", step(1, 3.0))
    assert runs.seconds_of("a1") == pytest.approx(39 + 20.0)


def test_a_run_of_which_nothing_was_said_is_followed_too(clock: Clock) -> None:
    runs = forecast(clock, "")
    runs.started("x")
    runs.progressed("x", step(1, 3.0))
    runs.progressed("x", step(3, 5.0))

    assert runs.seconds() == 37.0
