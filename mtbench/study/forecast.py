"""The forecast: when the runs that are trained will be done, from how far they are."""

import statistics
from collections.abc import Callable, Mapping
from typing import Any

from mtbench.store import Failure, Result
from mtbench.study.cost_relatives import Breakdown, mean
from mtbench.study.durations import Estimate, Expectation, makespan
from mtbench.study.schedule import evaluation_steps


class Forecast:
    """Tells how long runs still need; it is told what an ``executors.process.RunProgress`` is.

    What a run takes is known from those of its cell that are done; else from what was expected,
    as far as that held for others; else from all others.

    Args:
        estimate: of the runs that are to be trained.
        clock: gives the time in seconds.
    """

    def __init__(self, estimate: Estimate, clock: Callable[[], float]) -> None:
        self._jobs = estimate.jobs
        self._clock = clock
        self._waiting = {run.key: run for run in estimate.expected}
        self._under_way: dict[str, _UnderWay] = {}
        self._done: dict[str, list[Breakdown]] = {}
        self._taken = self._expected = 0.0
        self._typical: dict[str, Breakdown | None] = {}

    def started(self, key: str) -> None:
        """Take in that a run has started."""
        run = self._waiting.pop(key, Expectation(key, "", 1))
        self._under_way[key] = _UnderWay(run, self._clock())

    def progressed(self, key: str, event: Mapping[str, Any]) -> None:
        """Take in the newest event of a run's history, which may be the one before again."""
        self._under_way[key].see(event, self._clock())

    def finished(self, key: str, result: Result | Failure) -> None:
        """Take in how a run ended; of one that failed, nothing is learnt."""
        run = self._under_way.pop(key).run
        if isinstance(result, Result):
            took = Breakdown.of_result(result)
            self._done.setdefault(run.cell, []).append(took)
            if run.took is not None:
                self._taken += took.seconds
                self._expected += run.took.seconds
            self._typical.clear()

    def seconds(self) -> float | None:
        """Return how long all of the runs still need; None where nobody can tell."""
        now = self._clock()
        left: list[float] = []
        whole: list[float] = []
        for begun in self._under_way.values():
            seconds = begun.left(self._typical_of(begun.run), now)
            if seconds is None:
                return None
            left.append(seconds)
            whole.append(now - begun.started + seconds)
        waiting: list[float] = []
        for run in self._waiting.values():
            typical = self._typical_of(run)
            if typical is None and not whole:
                return None
            waiting.append(statistics.fmean(whole) if typical is None else typical.seconds)
        return makespan(left, waiting, self._jobs)

    def seconds_of(self, key: str) -> float | None:
        """Return how long a run that is under way still needs; None where nobody can tell."""
        run = self._under_way[key]
        return run.left(self._typical_of(run.run), self._clock())

    def _typical_of(self, run: Expectation) -> Breakdown | None:
        """Return what a run takes by all that is known; None where that is nothing."""
        if run.key not in self._typical:
            self._typical[run.key] = self._reckoned(run)
        return self._typical[run.key]

    def _reckoned(self, run: Expectation) -> Breakdown | None:
        if run.cell in self._done:
            return mean(self._done[run.cell])
        if run.took is not None:
            return run.took.times(self._taken / self._expected if self._expected else 1.0)
        done = [took for runs in self._done.values() for took in runs]
        return mean(done) if done else None


class _UnderWay:
    """A run that has started, and what its events tell.

    Attributes:
        started: when, by the clock of the forecast.
    """

    def __init__(self, run: Expectation, now: float) -> None:
        self.run = run
        self.started = now
        self._newest: Mapping[str, Any] = {}
        self._begin("starting", now)

    def _begin(self, phase: str, now: float) -> None:
        """Begin at the first step: in a new process, or where another's was given up."""
        self._phase, self._since = phase, now
        self._step, self._total = 0, 0
        self._mark: tuple[int, float] | None = None  # the last step whose end is known
        self._steps, self._training = 0, 0.0
        self._evaluations: list[float] = []
        self._evaluating_from = 0.0

    def see(self, event: Mapping[str, Any], now: float) -> None:
        """Take in an event; its own seconds tell more than when it was seen."""
        if event == self._newest:
            return
        self._newest = event
        kind, seconds = event["event"], event.get("seconds", now - self.started)
        if kind == "phase" and event["phase"] != "evaluating":
            self._begin(event["phase"], now)
            return
        if event.get("step", self._step) < self._step:
            self._begin("training", now)
        self._since = now
        if kind == "phase":
            self._phase, self._evaluating_from, self._mark = "evaluating", seconds, None
            return
        if kind == "evaluation":
            if self._phase == "evaluating":
                self._evaluations.append(seconds - self._evaluating_from)
            self._phase = "evaluated"
        else:
            if self._mark is not None:
                self._steps += event["step"] - self._mark[0]
                self._training += seconds - self._mark[1]
            self._phase, self._total = "training", event["total"]
        self._step = event["step"]
        self._mark = self._step, seconds

    def left(self, typical: Breakdown | None, now: float) -> float | None:
        """Return how many seconds it still needs; None where nobody can tell.

        Args:
            typical: what such a run takes, as far as is known.
        """
        if not self._total:
            if typical is None:
                return None
            starting = _rest(typical.starting, now - self.started)
            return starting + typical.training + typical.evaluation
        if self._steps:
            step = self._training / self._steps
        elif typical is not None:
            step = typical.training / typical.steps
        else:
            return None
        evaluation = 0.0 if typical is None else typical.evaluation / typical.evaluations
        if self._evaluations:
            evaluation = statistics.fmean(self._evaluations)
        after = self._step + (self._phase == "evaluated")
        planned = evaluation_steps(self._total, self.run.evaluations)
        to_come = sum(at >= after for at in planned)
        seconds = (self._total - self._step) * step
        if self._phase == "training":
            return seconds + to_come * evaluation
        spent = now - self._since
        if self._phase == "evaluating":
            return seconds + (to_come - 1) * evaluation + _rest(evaluation, spent)
        # After the last one, a part of train is scored and files are written.
        return seconds + to_come * evaluation + (0.0 if to_come else spent)


def _rest(expected: float, spent: float) -> float:
    """Return what is left of a phase; one that is overdue needs as long again as it is over."""
    return abs(expected - spent)
