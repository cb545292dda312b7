import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from mtbench.cli.runs import STATES
from mtbench.data.tokenisation import TextCounts
from mtbench.protocols import BadRow
from mtbench.runs.prediction import Evaluated, WrittenFile
from mtbench.store import State, Store, test_uses
from mtbench_builtins.tasks.sample import SampleSST
from mtbench_builtins.tasks.sample_parameters import SampleParameters

Call = Callable[..., Any]  # of the command line; see conftest

CELL = "combiner=sum, heads.pd=linear"


@pytest.fixture
def at(study: Any) -> tuple[str, str]:
    """The option that names the study's store."""
    return ("--store", str(study.store))


@pytest.fixture
def key(study: Any) -> str:
    """The key of the run of ``CELL``."""
    for folder in (study.store / "runs").iterdir():
        if json.loads((folder / "run.json").read_text())["cell"] == CELL:
            return str(folder.name)
    raise AssertionError


@pytest.fixture
def result(study: Any, key: str) -> dict[str, Any]:
    """What is stored of that run."""
    value: dict[str, Any] = json.loads((study.store / "runs" / key / "result.json").read_text())
    return value


def scores(out: str, *splits: str) -> dict[tuple[str, str], dict[str, str]]:
    """Return a table of scores, read back, by task and metric; what is below it is left out."""
    heading, _, *lines, overall = out.partition("\n\n")[0].splitlines()
    assert heading.split() == ["task", "metric", *splits]
    assert overall.split()[0] == "overall"
    rows = [line.split() for line in lines]
    table = {(task, metric): dict(zip(splits, v, strict=True)) for task, metric, *v in rows}
    return {**table, ("overall", ""): dict(zip(splits, overall.split()[1:], strict=False))}


def test_status_lists_the_runs(
    call: Call, at: tuple[str, str], key: str, result: dict[str, Any]
) -> None:
    answer = call("status", *at)

    heading, _, *lines = answer.out.splitlines()
    assert answer.code == 0
    assert heading.split() == [
        *("run", "matrix", "cell", "seed", "device", "state", "overall", "ended")
    ]
    assert [re.split(r" {2,}", line)[2] for line in lines] == [
        "combiner=pcgrad, heads.pd=linear",
        CELL,
    ]
    overall = f"{result['overall']:.3f}"
    assert re.split(r" {2,}", lines[1].strip()) == [
        key[:12],
        "a small study",
        CELL,
        "0",
        "cpu",
        "done",
        overall,
        result["ended"][:19].replace("T", " "),
    ]


def cells_of(answer: Any) -> list[tuple[str, str]]:
    """Return the cell and the state of each run of an answer in JSON."""
    return [(record["cell"], record["state"]) for record in json.loads(answer.out)]


def test_every_state_can_be_asked_for() -> None:
    assert get_args(State) == STATES


def test_status_is_for_programs_too(call: Call, at: tuple[str, str], key: str) -> None:
    answer = call("status", "-k", "sum", "--format", "json", *at)

    (record,) = json.loads(answer.out)
    assert (answer.code, record["run"], record["cell"], record["seed"]) == (0, key, CELL, 0)
    assert call("status", "--format", "csv", *at).out.startswith("run,matrix,cell,seed,")
    assert call("status", "--state", "failed", "--format", "json", *at).out == "[]\n"
    assert call("status", "--state", "failed", *at).out == f"no such runs in {at[1]}\n"


def test_an_expression_that_fits_no_cell_is_2_as_of_a_plan(
    call: Call, at: tuple[str, str], study: Any
) -> None:
    of_plan = call("plan", study.matrix, "-k", "sun", *at)
    for place in ([], [study.matrix], [study.store]):
        answer = call("status", *place, "-k", "sun", *at)
        assert (answer.code, answer.out) == (of_plan.code, of_plan.out) == (2, "")
        assert "-k 'sun' fits no cell (cells: combiner=" in answer.err
    of_rejected = call("status", study.matrix, "-k", "pd=cosine", *at)
    assert of_rejected.out == f"no runs in {study.matrix}\n"
    assert call("status", "-k", "sun", "--store", "empty").code == 0


def test_a_cell_that_options_made_is_told_with_its_store(
    call: Call, at: tuple[str, str], study: Any, tmp_path: Path
) -> None:
    matrix = tmp_path / "without.toml"
    matrix.write_text(study.matrix.read_text().partition("[axes]")[0])

    for command in (("status",), ("evaluate",), ("predict", "--out", "out")):
        answer = call(*command, f"{matrix}::{CELL}", *at)
        assert answer.code == 2
        assert f"; trained with other options, it is '{study.store}::{CELL}'\n" in answer.err


def test_status_lists_what_an_address_names(
    call: Call, at: tuple[str, str], study: Any, key: str
) -> None:
    (study.matrix.parent / "again.toml").write_text(
        study.matrix.read_text().replace("seeds = 1", "seeds = 2").replace("a small", "another")
    )
    other = study.matrix.with_name("again.toml")
    form = ("--format", "json", *at)
    pcgrad = CELL.replace("sum", "pcgrad")

    assert cells_of(call("status", other, *form)) == [
        (pcgrad, "done"),
        (pcgrad, "missing"),
        (CELL, "done"),
        (CELL, "missing"),
    ]
    assert cells_of(call("status", f"{other}::sum, heads.pd=lin", *form)) == [
        (CELL, "done"),
        (CELL, "missing"),
    ]
    assert cells_of(call("status", f"{at[1]}::pcgrad", *form)) == [(pcgrad, "done")]
    assert cells_of(call("status", other, "-k", "sum", "--state", "missing", *form)) == [
        (CELL, "missing")
    ]
    alone = call("status", f"{other}::{CELL} [seed 0]", *at)
    assert alone.out.startswith(f"run: {key}\nstate: done\nmatrix: another study\ncell: {CELL} [")
    assert call("status", f"{study.matrix}::{CELL}", *at).out.startswith(f"run: {key}\n")
    assert call("status", f"{study.matrix}::{CELL}", "--log", *at).code == 0
    assert call("status", other, "--log", *at).code == 2


def test_a_cell_or_a_folder_is_evaluated_and_predicted_like_its_run(
    call: Call, at: tuple[str, str], study: Any, key: str
) -> None:
    of_key = call("evaluate", key, *at)
    folder = study.store / "runs" / key

    assert call("evaluate", folder, "--store", "elsewhere").out == of_key.out
    for place in (study.matrix, study.store):
        answer = call("evaluate", f"{place}::sum, heads.pd=lin", *at)
        assert (answer.code, answer.err) == (0, "")
        assert answer.out == f"{CELL} [seed 0]\n{of_key.out}"
    written = {}
    for name in (key, folder, f"{study.matrix}::{CELL}", f"{study.store}::{CELL} [seed 0]"):
        assert call("predict", name, "--out", "out", *at).code == 0
        written[str(name)] = [file.read_bytes() for file in sorted(Path("out").iterdir())]
    assert len({*map(tuple, written.values())}) == 1


def test_of_a_cell_of_several_seeds_each_is_evaluated_and_one_predicted(
    call: Call, at: tuple[str, str], study: Any
) -> None:
    more = study.matrix.with_name("more.toml")
    more.write_text(study.matrix.read_text().replace("seeds = 1", "seeds = [0, 5]"))

    scored = call("evaluate", f"{more}::{CELL}", *at)
    several = call("predict", f"{more}::{CELL}", "--out", "out", *at)

    assert scored.code == 3
    assert scored.out.startswith(f"{CELL} [seed 0]\ntask")
    assert scored.err.startswith("error: 1 of 2 runs have no score")
    assert (several.code, several.out) == (2, "")
    assert several.err == (
        f"error: {more}::{CELL}: of which seed (0, 5)? '{more}::{CELL} [seed 0]' is one\n"
    )
    assert call("predict", f"{more}::{CELL} [seed 0]", "--out", "out", *at).code == 0


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("other/.mtbench::cell", "other/.mtbench: there is no such file or folder"),
        ("x/y", "x/y: there is no such file or folder"),
        ("{matrix}::pcgrat", "unknown cell 'pcgrat' in {matrix}"),
        ("{matrix}::linear", "'linear' fits 2 cells of {matrix}: "),
        ("{matrix}::sum, heads.pd=lin [seed 3]", "unknown seed '3' in {matrix}::{cell}"),
    ],
)
def test_what_no_address_leads_to_is_2(
    call: Call, at: tuple[str, str], study: Any, address: str, told: str
) -> None:
    for command in (("status",), ("evaluate",), ("predict", "--out", "out")):
        answer = call(*command, address.format(matrix=study.matrix), *at)

        assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
        assert answer.err.startswith("error: " + told.format(matrix=study.matrix, cell=CELL))


def test_status_of_an_empty_store_is_empty(call: Call) -> None:
    answer = call("status", "--store", "nowhere")

    assert (answer.code, answer.out, answer.err) == (0, "no runs in nowhere\n", "")
    assert not Path("nowhere").exists()


def test_status_shows_one_run(
    call: Call, at: tuple[str, str], key: str, result: dict[str, Any]
) -> None:
    answer = call("status", key[:8], *at)

    lines, _, table = answer.out.partition("\nscores\n")
    shown = dict(line.split(": ", 1) for line in lines.splitlines())
    assert answer.code == 0
    assert (shown["run"], shown["state"]) == (key, "done")
    assert shown["cell"] == f"{CELL} [seed 0]"
    assert shown["matrix"] == "a small study"
    assert shown["combiner"] == "name sum"
    assert shown["cost, steps"] == "3"
    assert shown["untrained"] == "none"
    for (task, metric), values in scores(table, "dev", "train").items():
        for split, text in values.items():
            stored = (
                result["overall"] if task == "overall" else result["scores"][split][task][metric]
            )
            assert text == f"{stored:.3f}"


def test_a_log_is_of_one_run(call: Call, at: tuple[str, str]) -> None:
    answer = call("status", "--log", *at)

    assert (answer.code, answer.out) == (2, "")
    assert answer.err == "error: --log: of which run? 'mtbench status' lists them\n"


def test_what_a_log_holds_is_shown_and_not_obeyed(
    call: Call, study: Any, key: str, tmp_path: Path
) -> None:
    store = shutil.copytree(study.store, tmp_path / "copy")
    (store / "runs" / key / "log.txt").write_text("\x1b[2J one\n\ttwo\x9b\n")

    assert call("status", key, "--log", "--store", store).out == (
        "\\x1b[2J one\n        two\\x9b\n"
    )


def test_the_log_of_a_run_that_went_well_is_empty(
    call: Call, at: tuple[str, str], key: str
) -> None:
    assert call("status", key, "--log", *at).out == ""


def test_evaluate_on_dev_repeats_the_stored_scores(
    call: Call, at: tuple[str, str], key: str, result: dict[str, Any]
) -> None:
    answer = call("evaluate", key[:12], *at)

    read = scores(answer.out, "dev")
    assert (answer.code, answer.err) == (0, "")
    assert read.pop(("overall", "")) == {"dev": f"{result['overall']:.3f}"}
    assert read == {
        (task, metric): {"dev": f"{value:.3f}"}
        for task, metrics in result["scores"]["dev"].items()
        for metric, value in metrics.items()
    }


def test_evaluate_on_test_agrees_with_the_predictions(
    call: Call, study: Any, key: str, tmp_path: Path
) -> None:
    # Not in the study's own store, whose tables would tell of it.
    at = ("--store", str(shutil.copytree(study.store, tmp_path / "copy")))
    read = scores(call("evaluate", key, "--split", "test", *at).out, "test")
    call("predict", key, "--split", "test", "--out", "out", *at)

    made = SampleSST(SampleParameters(train=24, dev=12, test=6)).load("test", None)
    text = Path("out/sst-test-output.csv").read_text()
    predicted = dict(re.findall(r"^(\S+) , (\S+) $", text, re.MULTILINE))
    right = [
        int(predicted[id_]) == label for id_, label in zip(made.ids, made.labels, strict=True)
    ]
    assert read["sst", "accuracy"] == {"test": f"{sum(right) / len(right):.3f}"}


def test_each_reading_of_test_labels_is_logged_and_told(
    call: Call, study: Any, key: str, tmp_path: Path
) -> None:
    store = Path(shutil.copytree(study.store, tmp_path / "copy"))
    other = next(each.name for each in (store / "runs").iterdir() if each.name != key)
    at = ("--store", str(store))

    told = [
        call("evaluate", each, "--split", "test", *at).out.splitlines()[-1]
        for each in (key, key, other)
    ]

    title = json.loads((store / "runs" / key / "run.json").read_text())["matrix"]
    assert told == [
        f"test labels of runs trained for {title!r} read 1 time so far (1 run)",
        f"test labels of runs trained for {title!r} read 2 times so far (1 run)",
        f"test labels of runs trained for {title!r} read 3 times so far (2 runs)",
    ]
    uses = [*test_uses.read(Store(store))]
    assert [use.run for use in uses] == [key, key, other]
    line = f"test labels: read 2 times, last at {uses[1].time}\n"
    assert line in call("status", key, *at).out


def test_dev_and_predictions_of_test_are_no_use_of_test_labels(
    call: Call, study: Any, key: str, tmp_path: Path
) -> None:
    store = Path(shutil.copytree(study.store, tmp_path / "copy"))
    at = ("--store", str(store))

    assert "test labels" not in call("evaluate", key, *at).out
    call("predict", key, "--split", "test", "--out", "out", *at)

    assert [*test_uses.read(Store(store))] == []
    assert "test labels: never read\n" in call("status", key, *at).out


@pytest.mark.parametrize("split", ["dev", "test"])
def test_predict_writes_a_file_a_task(
    call: Call, at: tuple[str, str], key: str, split: str
) -> None:
    answer = call("predict", key, "--split", split, "--out", "deep/out", *at)
    again = call("predict", key, "--split", split, "--out", "deep/out", *at)

    assert again.out.splitlines() == [f"{line} (replaced)" for line in answer.out.splitlines()]
    files = [Path(line) for line in answer.out.splitlines()]
    assert (answer.code, answer.err) == (0, "")
    assert files == [Path(f"deep/out/{task}-{split}-output.csv") for task in ("sst", "pd", "sts")]
    for file, task in zip(files, ("sst", "pd", "sts"), strict=True):
        heading, *lines = file.read_bytes().decode().split("\n")
        assert heading == "id \t Prediction "
        assert lines.pop() == ""
        ids = [re.fullmatch(r"(\S+) , (\S+) ", line).group(1) for line in lines]
        count = {"dev": 12, "test": 6}[split]
        assert ids == [f"sample-{task}-{split}-{i:05d}" for i in range(count)]


def test_predict_tells_what_it_leaves_out(
    call: Call, at: tuple[str, str], key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = WrittenFile(Path("out/sst-dev-output.csv"), (BadRow("sst.csv", 7, "no sentence"),))
    monkeypatch.setattr(
        "mtbench.runs.prediction.write_predictions",
        lambda *given, device, plugins: iter([written]),
    )

    answer = call("predict", key, "--out", "out", *at)

    assert (answer.code, answer.out) == (0, "out/sst-dev-output.csv\n")
    assert answer.err == "warning: no prediction for sst.csv:7: no sentence\n"


def test_of_many_rows_that_are_left_out_the_first_are_told(
    call: Call, at: tuple[str, str], key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = tuple(BadRow("sst.csv", line, "no sentence") for line in range(2, 25))
    written = WrittenFile(Path("out/sst-dev-output.csv"), rows)
    monkeypatch.setattr(
        "mtbench.runs.prediction.write_predictions",
        lambda *given, device, plugins: iter([written]),
    )

    *told, last = call("predict", key, "--out", "out", *at).err.splitlines()

    assert told == [f"warning: no prediction for {row}" for row in rows[:20]]
    assert last == "warning: no prediction for 3 more, of 23 rows"


def test_evaluate_tells_what_it_leaves_out(
    call: Call, at: tuple[str, str], key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {"sst": (BadRow("sst.csv", 7, "no sentence"),), "pd": ()}
    texts = {
        "sst": TextCounts(1100, 2, 0, 1),
        "pd": TextCounts(9, 0, 1),
        "sts": TextCounts(1, 0, 0, 0),
    }
    monkeypatch.setattr(
        "mtbench.runs.prediction.evaluate",
        lambda *given, device, plugins: Evaluated({"sst": {"accuracy": 0.5}}, 0.5, rows, texts),
    )

    answer = call("evaluate", key, *at)

    assert answer.code == 0
    assert scores(answer.out, "dev")["sst", "accuracy"] == {"dev": "0.500"}
    assert answer.err.splitlines() == [
        "warning: the scores of sst leave out sst.csv:7: no sentence",
        "warning: sst dev: 2 of 1,100 examples cut to the longest sequence that the encoder takes",
        "warning: sst dev: 1 of 1,100 examples with texts that are in train as well",
        "warning: pd dev: 1 of 9 examples with a text that tokenises to nothing",
        "warning: pd dev: texts that are in train as well are not counted: train cannot be read",
    ]


@pytest.mark.parametrize("command", [("evaluate",), ("predict", "--out", "out")])
def test_a_run_is_computed_on_a_device_of_its_own(
    call: Call, at: tuple[str, str], key: str, command: tuple[str, ...]
) -> None:
    here = call(*command, key, *at, "--device", "cpu")
    missing = call(*command, key, *at, "--device", "cuda:99")
    unknown = call(*command, key, *at, "--device", "gpu")

    assert (here.code, here.err) == (0, "")
    assert (missing.code, missing.out) == (2, "")
    assert missing.err.startswith("error: there is no device 'cuda:99' (here is cpu")
    assert (unknown.code, unknown.out) == (2, "")
    assert unknown.err.startswith(
        "error: unknown device 'gpu'; did you mean 'cpu'? (known: auto, "
    )
    assert (missing.err + unknown.err).count("\n") == 2


def test_predict_must_be_told_where(call: Call, at: tuple[str, str], key: str) -> None:
    answer = call("predict", key, *at)

    assert answer.code == 2
    assert "Missing option '--out'" in answer.err


@pytest.mark.parametrize("command", [("status",), ("evaluate",), ("predict", "--out", "out")])
def test_a_run_that_is_not_there(
    call: Call, at: tuple[str, str], command: tuple[str, ...]
) -> None:
    answer = call(*command, "zzz", *at)

    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("error: no run 'zzz' in ")


def test_a_run_without_a_result_has_no_model(call: Call, at: tuple[str, str]) -> None:
    Path("store/runs/abc").mkdir(parents=True)

    for command in (("evaluate",), ("predict", "--out", "out")):
        answer = call(*command, "abc", "--store", "store")
        assert answer.code == 3
        assert answer.err == "error: run abc is missing, so it has no model\n"
