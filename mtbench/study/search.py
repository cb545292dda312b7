"""The staged search: which cell of a stage is kept, by the scores on dev of its stored runs."""

import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mtbench.matrix.designs import Choice, NamedCell, Stage
from mtbench.store import State
from mtbench.study.plan import PlannedCell
from mtbench.study.planner import Planner


@dataclass(frozen=True)
class Candidate:
    """A cell of a stage.

    Attributes:
        states: of its runs, one a seed; none where it is rejected or broken.
        scores: the overall on dev of each stored run; None where it is undefined.
    """

    states: Sequence[State]
    scores: Sequence[float | None]

    @property
    def mean(self) -> float | None:
        """The mean over all seeds; None where a run has no score, so that it cannot win."""
        defined = [score for score in self.scores if score is not None]
        complete = defined and len(defined) == len(self.states)
        return statistics.fmean(defined) if complete else None

    @property
    def lacks(self) -> str:
        """Why it cannot win."""
        if not self.states:
            return "rejected or broken"
        return "failed" if "failed" in self.states else "without a score"


def best(candidates: Sequence[Candidate]) -> Choice:
    """Return the one with the highest mean, the earlier of equals.

    It is not known before every run is stored or has failed.
    """
    states = {state for candidate in candidates for state in candidate.states}
    if states & {"missing", "running", "damaged"}:
        return Choice()
    means = {i: candidate.mean for i, candidate in enumerate(candidates)}
    scored = {i: mean for i, mean in means.items() if mean is not None}
    if scored:
        return Choice(max(scored, key=scored.__getitem__))
    lacks = Counter(candidate.lacks for candidate in candidates)
    reasons = ", ".join(f"{count} {why}" for why, count in lacks.items())
    return Choice(problem=f"no cell can be kept ({reasons})")


@dataclass
class Searcher:
    """Chooses the best cell of each stage, and remembers what it chose among.

    Attributes:
        seen: the cells of all stages so far, by name.
    """

    planner: Planner
    seeds: Sequence[int]
    seen: dict[str, Candidate] = field(default_factory=dict)

    def __call__(self, cells: Sequence[NamedCell]) -> Choice:
        """Choose among the cells of a stage."""
        planned, _ = self.planner.look_up(cells, self.seeds)
        candidates = [candidate(cell) for cell in planned]
        names = [cell.name for cell in cells]
        self.seen |= dict(zip(names, candidates, strict=True))
        return best(candidates)

    def verdict(self) -> str:
        """Say what the winner was chosen among; its own score is not to be read without."""
        tried = [candidate for candidate in self.seen.values() if candidate.scores]
        runs = sum(len(candidate.scores) for candidate in tried)
        return (
            f"chosen among {len(tried)} configurations on dev ({runs} runs): "
            "its dev score is flattered by the choice"
        )


def candidate(cell: PlannedCell) -> Candidate:
    """Read what the stored runs of a cell scored on dev."""
    scores = [run.folder.result().overall for run in cell.runs if run.state == "done"]
    return Candidate([run.state for run in cell.runs], scores)


def winner(stages: Sequence[Stage], to_come: int) -> str:
    """Return the name of the cell that a search ended with; empty before its end."""
    return stages[-1].kept if stages and not to_come else ""


def remarks(stages: Sequence[Stage], to_come: int) -> Iterator[str]:
    """Yield what a reader must know of a search, a line a stage."""
    for number, stage in enumerate(stages, start=1):
        where, count = f"stage {number} ({stage.axis})", len(stage.cells)
        if stage.kept:
            yield f"{where}: {stage.value} kept, the best of {count} on dev"
        elif stage.problem:
            yield f"{where}: {stage.problem}, so the search ends here"
        else:
            yield f"{where}: {count} cells, whose runs decide what comes next"
    if to_come:
        cells = "1 more cell is" if to_come == 1 else f"{to_come} more cells are"
        yield f"up to {cells} still to come"
