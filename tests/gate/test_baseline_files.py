import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mtbench.errors import NothingToCompare, UsageError
from mtbench.evidence.outcomes import CellOutcomes, TaskOutcomes, difference
from mtbench.evidence.statistics import Sample
from mtbench.gate.baseline import Baseline, Measured, rounded
from mtbench.gate.baseline_files import FORMAT, OUTCOMES, SCORES, check_place, read, write
from mtbench.matrix.gating import Gate
from mtbench.store import digest_without


def accuracies(generator: np.random.Generator, examples: int = 1001) -> Sample:
    outcomes = (generator.random((3, examples)) < 0.7).astype(float)
    return Sample(outcomes.mean(axis=1), outcomes)


def correlations(generator: np.random.Generator) -> Sample:
    outcomes = 0.6 + 1.7 * generator.standard_normal((3, 1500))
    return Sample(outcomes.mean(axis=1) + 1e-4, outcomes)


def cell(name: str, seed: int) -> Measured:
    generator = np.random.default_rng(seed)
    tasks = {
        "sst": TaskOutcomes("accuracy", "dev of sst", accuracies(generator)),
        "sts": TaskOutcomes("pearson", "dev of sts", correlations(generator)),
        "a.task/of ours": TaskOutcomes("pearson", "dev", None),
    }
    data = {task: {"train": "t", "dev": "d"} for task in tasks}
    return Measured(CellOutcomes(name, [0, 1, 4], tasks), ["a", "b", "c"], data)


@pytest.fixture
def baseline() -> Baseline:
    cells = {name: cell(name, seed) for seed, name in enumerate(("lr=1e-3, x/y", "other"))}
    return Baseline("a study", "2026-01-02", "cpu", {"torch": "2"}, Gate(tolerance=0.01), cells)


def test_what_is_written_is_read(tmp_path: Path, baseline: Baseline) -> None:
    assert write(tmp_path / "new", baseline) == [tmp_path / "new" / n for n in (SCORES, OUTCOMES)]

    found = read(tmp_path / "new")

    assert replace(found, cells={}) == replace(baseline, cells={})
    assert list(found.cells) == list(baseline.cells)
    for name, was in baseline.cells.items():
        now = found.cells[name]
        assert (now.keys, now.data, now.outcomes.seeds) == (was.keys, was.data, [0, 1, 4])
        for task, expected in was.outcomes.tasks.items():
            read_back = now.outcomes.tasks[task]
            assert (read_back.metric, read_back.examples) == (expected.metric, expected.examples)
            if expected.sample is None:
                assert read_back.sample is None
                continue
            assert read_back.sample is not None
            kept = rounded(expected.sample)
            np.testing.assert_array_equal(read_back.sample.scores, expected.sample.scores)
            np.testing.assert_array_equal(read_back.sample.outcomes, kept.outcomes)
    np.testing.assert_array_equal(
        found.cells["other"].outcomes.tasks["sst"].sample.outcomes,  # type: ignore[union-attr]
        baseline.cells["other"].outcomes.tasks["sst"].sample.outcomes,  # type: ignore[union-attr]
    )


def test_intervals_agree_with_those_of_all_digits(tmp_path: Path, baseline: Baseline) -> None:
    write(tmp_path, baseline)
    kept = [cell.outcomes for cell in read(tmp_path).cells.values()]
    exact = [cell.outcomes for cell in baseline.cells.values()]
    for task in ("sst", "sts"):
        found, expected = difference(*kept, task), difference(*exact, task)
        assert found is not None
        assert expected is not None
        for end in ("estimate", "low", "high", "p"):
            assert getattr(found, end) == pytest.approx(getattr(expected, end), abs=1e-6)


def test_the_same_outcomes_give_the_same_bytes(tmp_path: Path, baseline: Baseline) -> None:
    for folder, written in (("a", baseline), ("b", replace(baseline, date="2027-03-04"))):
        write(tmp_path / folder, written)
    assert (tmp_path / "a" / OUTCOMES).read_bytes() == (tmp_path / "b" / OUTCOMES).read_bytes()


def test_outcomes_are_small_and_hold_nothing_else(tmp_path: Path, baseline: Baseline) -> None:
    write(tmp_path, baseline)
    with np.load(tmp_path / OUTCOMES) as arrays:
        found = {name: (array.dtype.str, array.shape) for name, array in arrays.items()}
    assert found == {
        "0.0": ("|u1", (3, 126)),
        "0.1": ("<f4", (3, 1500)),
        "1.0": ("|u1", (3, 126)),
        "1.1": ("<f4", (3, 1500)),
    }


def test_people_read_the_scores(tmp_path: Path, baseline: Baseline) -> None:
    scores = baseline.cells["other"].outcomes.tasks["sst"].sample
    assert scores is not None
    write(tmp_path, baseline)
    table = json.loads((tmp_path / SCORES).read_text())
    assert (table["format"], table["matrix"], table["device"]) == (FORMAT, "a study", "cpu")
    assert table["gate"] == {"mode": "statistical", "metrics": ["overall"], "tolerance": 0.01}
    assert table["cells"][1]["tasks"]["sst"]["scores"] == scores.scores.tolist()
    assert table["cells"][1]["overall"] is None  # one of its tasks is undefined


# --- files that are none ----------------------------------------------------------------------


def edit(file: Path, **changes: object) -> None:
    """Change fields, and the digest with them."""
    table = {**json.loads(file.read_text()), **changes}
    file.write_text(json.dumps({**table, "digest": digest_without(table, "digest")}))


def without_digest(file: Path) -> None:
    table = json.loads(file.read_text())
    del table["digest"]
    file.write_text(json.dumps(table))


def one_digit(file: Path) -> None:
    found = re.search(r'"scores": \[\s*(0\.\d\d)', file.read_text())
    assert found is not None
    digit = found[1][-1]
    other = found[1][:-1] + ("1" if digit == "0" else "0")
    file.write_text(file.read_text().replace(found[1], other, 1))


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def more_examples(file: Path) -> None:
    table = json.loads(file.read_text())
    table["cells"][0]["tasks"]["sts"]["count"] = 1501
    edit(file, **table)


def another_cell(file: Path) -> None:
    table = json.loads(file.read_text())
    edit(file, cells=[*table["cells"], {**table["cells"][0], "name": "third"}])


def test_no_baseline(tmp_path: Path) -> None:
    with pytest.raises(NothingToCompare, match=r"there is no baseline$"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda file: file.write_text(file.read_text()[:-40]), "cannot be read"),
        (lambda file: file.write_bytes(b"\xff\xfe"), "cannot be read"),
        (lambda file: file.write_text("[1]"), "cannot be read: no JSON object"),
        (lambda file: edit(file, format=2), "format 2, and this mtbench reads 1"),
        (lambda file: edit(file, cells=[{"name": "x"}]), "'cells.0.seeds' is missing"),
        (lambda file: edit(file, surprise=1), "unknown key 'surprise'"),
        (lambda file: edit(file, outcomes="0"), "not what baseline.json was written with"),
        (one_digit, "baseline.json: not as it was written"),
        (without_digest, "baseline.json: 'digest' is missing"),
        (lambda file: file.with_name(OUTCOMES).unlink(), "cannot be read: No such file"),
        (lambda file: cut(file.with_name(OUTCOMES)), "not what baseline.json was written with"),
        (more_examples, "does not fit baseline.json"),
        (another_cell, "does not fit baseline.json"),
    ],
)
def test_files_that_are_torn_or_foreign(
    tmp_path: Path, baseline: Baseline, change: object, message: str
) -> None:
    write(tmp_path, baseline)
    change(tmp_path / SCORES)  # type: ignore[operator]
    with pytest.raises(NothingToCompare, match=message) as caught:
        read(tmp_path)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_a_folder_that_cannot_be_written(tmp_path: Path, baseline: Baseline) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"baseline\.json: cannot be written: Not a directory"):
        write(tmp_path / "file" / "folder", baseline)


@pytest.mark.parametrize("name", [SCORES, OUTCOMES])
def test_of_two_files_none_is_written_where_one_cannot_be(
    tmp_path: Path, baseline: Baseline, name: str
) -> None:
    write(tmp_path, baseline)
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    (other,) = {SCORES, OUTCOMES} - {name}
    (tmp_path / other).write_text("the old one")

    with pytest.raises(UsageError, match=f"{name}: cannot be written: Is a directory"):
        write(tmp_path, baseline)

    assert (tmp_path / other).read_text() == "the old one"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([SCORES, OUTCOMES])


def test_the_baseline_of_another_matrix_is_not_written_over(
    tmp_path: Path, baseline: Baseline
) -> None:
    one, two = tmp_path / "matrix.toml", tmp_path / "two.toml"
    one.touch()
    two.touch()
    write(tmp_path, baseline, matrix_file="two.toml")

    check_place(tmp_path, two)
    with pytest.raises(UsageError, match=r"the baseline of .*two\.toml, .*--baseline DIR"):
        check_place(tmp_path, one)

    write(tmp_path, baseline)  # as it was before the file was recorded
    check_place(tmp_path, one)
    assert read(tmp_path).title == "a study"
    with pytest.raises(UsageError, match=r"the baseline of .*matrix\.toml, which that of"):
        check_place(tmp_path, two)

    (tmp_path / SCORES).write_text("{")
    check_place(tmp_path, two)
