from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtbench.components.registry import Registry
from mtbench.matrix.configuration import Config
from mtbench.matrix.designs import Choice, NamedCell, Stage
from mtbench.store import Store
from mtbench.study.plan import PlannedCell, PlannedRun
from mtbench.study.planner import Planner
from mtbench.study.search import Candidate, Searcher, best, candidate, remarks, winner


def scored(*scores: float | None) -> Candidate:
    """Return a candidate whose runs are all stored."""
    return Candidate(["done"] * len(scores), scores)


REJECTED = Candidate([], [])
FAILED = Candidate(["done", "failed"], [0.99])


# --- who wins ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("candidates", "kept"),
    [
        ([scored(0.5, 0.7), scored(0.61, 0.61), scored(0.1, 1.0)], 1),  # by the mean
        ([scored(0.4), scored(0.5), scored(0.5)], 1),  # the earlier of equals
        ([scored(0.1, 0.2, 0.3), scored(0.3, 0.1, 0.2)], 0),  # equal, whatever the order
        ([scored(-0.2), scored(-0.1)], 1),
        ([REJECTED, scored(0.1, 0.1), FAILED], 1),
        ([scored(0.9, None), scored(0.1, 0.1)], 1),  # undefined for a seed
    ],
)
def test_the_best_mean_is_kept(candidates: list[Candidate], kept: int) -> None:
    assert best(candidates) == Choice(kept)


@pytest.mark.parametrize("state", ["missing", "running"])
def test_nothing_is_kept_before_all_runs_are_stored(state: str) -> None:
    open_ = Candidate(["done", state], [0.1])  # type: ignore[list-item]

    assert best([scored(0.9, 0.9), open_]) == Choice()
    assert best([REJECTED, open_]) == Choice()


def test_where_none_can_be_kept_it_says_why() -> None:
    candidates = [REJECTED, FAILED, REJECTED, scored(0.5, None)]

    assert best(candidates) == Choice(
        problem="no cell can be kept (2 rejected or broken, 1 failed, 1 without a score)"
    )


@given(st.lists(st.lists(st.floats(-1, 1), min_size=2, max_size=2), min_size=1))
def test_no_other_has_a_higher_mean(scores: Sequence[Sequence[float]]) -> None:
    candidates = [scored(*pair) for pair in scores]
    kept = best(candidates).kept

    assert kept is not None
    means = [one.mean for one in candidates]
    assert means[kept] == max(means)
    assert means.index(means[kept]) == kept


# --- what is read of a run --------------------------------------------------------------------


Make = Callable[..., Any]


def test_a_candidate_is_read_from_dev_alone(tmp_path: Path, a_result: Make) -> None:
    store = Store(tmp_path)
    scores = {"dev": {"sst": {"accuracy": 0.5}}, "train": {"sst": {"accuracy": 0.9}}}
    store.create("one").end(a_result(overall=0.5, scores=scores))
    runs = PlannedRun(store.run("one"), 0, "done"), PlannedRun(store.run("two"), 1, "failed")
    cell = PlannedCell(NamedCell("a", {}), None, runs)

    assert candidate(cell) == Candidate(["done", "failed"], [0.5])


def test_a_searcher_remembers_what_it_chose_among(
    tmp_path: Path, small: Config, a_result: Make
) -> None:
    store = Store(tmp_path)
    planner = Planner(Registry.load(), store)
    cells = [NamedCell(name, {**small, "combiner": {"name": name}}) for name in ("sum", "pcgrad")]
    searcher = Searcher(planner, [0, 1])
    planned, _ = planner.look_up(cells, [0, 1])
    assert searcher(cells) == Choice()
    for cell, overall in zip(planned, (0.2, 0.3), strict=True):
        for run in cell.runs:
            store.create(run.key).end(a_result(overall=overall))

    assert searcher(cells) == Choice(1)
    assert searcher(cells[:1]) == Choice(0)  # a cell of two stages is one cell
    assert searcher.verdict() == (
        "chosen among 2 configurations on dev (4 runs): its dev score is flattered by the choice"
    )


# --- what is said of it -----------------------------------------------------------------------

KEPT = Stage("train.lr", ["a", "b", "c"], kept="b", value="1e-5")


def test_the_remarks_tell_the_stages() -> None:
    waiting, stuck = Stage("combiner", ["b", "d"]), Stage("combiner", ["b"], problem="none can be")

    assert list(remarks([KEPT, waiting], 3)) == [
        "stage 1 (train.lr): 1e-5 kept, the best of 3 on dev",
        "stage 2 (combiner): 2 cells, whose runs decide what comes next",
        "up to 3 more cells are still to come",
    ]
    assert list(remarks([stuck], 0)) == [
        "stage 1 (combiner): none can be, so the search ends here"
    ]
    assert list(remarks([waiting], 1))[-1] == "up to 1 more cell is still to come"
    assert list(remarks([], 0)) == []


def test_a_search_is_won_at_its_end() -> None:
    assert winner([KEPT], 0) == "b"
    assert winner([KEPT, Stage("combiner", ["b", "d"])], 0) == ""
    assert winner([KEPT], 2) == ""
    assert winner([], 0) == ""
