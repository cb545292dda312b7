"""Plugins that break: what they are part of says so by their names, the rest is trained."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]  # of the command line; see conftest

STUDY = """
title = "a study with strangers"
seeds = 1

[base]
tasks = [{ name = "sample-sts", as = "sts", train = 6, dev = 6, test = 4 }]
encoder = { name = "minbert", layers = 1, width = 8, attention_heads = 2, intermediate = 8 }
train = { lr = 1e-2, batch_size = 3, steps = 2 }
"""

STRANGERS = '''
"""A combiner that works, and plugins that break where their names say."""

import sys
from pathlib import Path

import torch
from torch import nn

from mtbench.api import (
    BalancerSpec,
    CombinerSpec,
    Examples,
    HeadSpec,
    TaskInfo,
    TaskSpec,
    hookimpl,
)


class Plain:
    def __init__(self, parameters):
        pass

    def combine(self, x):
        return torch.ones(len(x.tasks))


def rejects(cell):
    return cell.nothing  # MARK rejects


class Head(nn.Module):
    def __init__(self, width, task, parameters):
        super().__init__()
        self.project = nn.Linear(2 * width, 1)

    def forward(self, u, v):
        return self.project(torch.cat([u, v], dim=1)).squeeze(1)


class InForward(Head):
    def forward(self, u, v):
        return helped(u, self.project.weight)  # not of one shape


def helped(u, weight):
    return u @ weight  # MARK forward


class Leaves(Head):
    def forward(self, u, v):
        sys.exit(0)  # MARK exit


class Lazy:
    def __init__(self, parameters):
        pass

    def steps(self, sizes, batch_sizes, progress, rng):
        yield {"sts": 1}
        raise RuntimeError("no more today")  # MARK steps


class Absent:
    """A task that is there as long as nothing is trained."""

    def __init__(self, parameters):
        pass

    def describe(self):
        return TaskInfo(sentences=1, loss="cross-entropy", metrics=("accuracy",), classes=2)

    def load(self, split, folder, *, with_labels=True):
        if "mtbench.runs.runner" in sys.modules:
            Path(__file__).with_name("nowhere").read_text()  # MARK load
        return Examples(("a", "b"), (("one",), ("two",)), (0.0, 1.0))


class Undescribed(Absent):
    def describe(self):
        raise OSError("no network")  # MARK describe


class Unloaded(Absent):
    def load(self, split, folder, *, with_labels=True):
        raise OSError("no network")  # MARK plan-load


def spec(kind, cls, **fields):
    name = fields.pop("name", cls.__name__.lower())
    return kind(name=name, summary="A stranger.", target=f"MODULE:{cls.__name__}", **fields)


@hookimpl
def mtbench_combiners():
    needs = {"needs": "losses"}
    return [
        spec(CombinerSpec, Plain, **needs),
        spec(CombinerSpec, Plain, name="in-rejects", rejects=rejects, **needs),
    ]


@hookimpl
def mtbench_heads():
    return [spec(HeadSpec, cls) for cls in (Head, InForward, Leaves)]


@hookimpl
def mtbench_balancers():
    return [spec(BalancerSpec, Lazy)]


@hookimpl
def mtbench_tasks():
    return [spec(TaskSpec, cls) for cls in (Undescribed, Absent, Unloaded)]
'''


def line(mark: str) -> int:
    """Return the line of the strangers' file that breaks."""
    return next(n for n, text in enumerate(STRANGERS.splitlines(), 1) if f"MARK {mark}" in text)


@pytest.fixture
def strangers(tmp_path: Path, new_modules: None) -> Path:
    file = tmp_path / "strangers.py"
    file.write_text(STRANGERS.replace("MODULE", "strangers"))
    return file


@pytest.fixture
def study(tmp_path: Path) -> Path:
    file = tmp_path / "study.toml"
    file.write_text(STUDY)
    return file


def cells(answer: Any) -> dict[str, Any]:
    return {cell["name"]: cell for cell in json.loads(answer.out)["cells"]}


# --- while it is planned ----------------------------------------------------------------------

STS = '[{name="sample-sts", as="sts", train=6, dev=6, test=4}]'

PLANNED = {
    "rejects": (
        "combiner=plain,in-rejects",
        "combiner 'in-rejects' of strangers.py: rejects raised AttributeError: 'Cell' object has "
        "no attribute 'nothing' (strangers.py:{})",
    ),
    "plan-load": (
        f"tasks={STS},[unloaded]",
        "task 'unloaded' of strangers.py: load raised OSError: no network (strangers.py:{})",
    ),
}


@pytest.mark.parametrize("mark", PLANNED)
def test_a_cell_that_a_plugin_breaks_is_shown_and_the_other_is_trained(
    call: Call, study: Path, strangers: Path, mark: str
) -> None:
    axis, message = PLANNED[mark]
    axis = re.sub(r"\[(\w+)\]", r'["\1"]', axis)
    fault = message.format(line(mark))
    given = (study, "--plugin", strangers, "--axis", axis)

    planned = call("plan", *given)
    answer = call("ablate", *given, "--format", "json")

    assert (planned.code, answer.code) == (6, 6)
    assert f"\nbroken: 1 x {fault}\n" in planned.out
    assert planned.err == f"error: 1 of 2 cells is broken: {fault}\n"
    good, broken = cells(answer).values()
    assert (good["status"], broken["status"]) == ("done", "broken")
    assert good["overall"]["seeds"] != []
    assert (broken["reason"], broken["runs"]) == (fault, [])
    first, *_, last = answer.err.splitlines()
    assert first == f"warning: 1 of 2 cells is broken: {fault}; the others go on"
    assert last == f"error: 1 of 2 cells is broken: {fault}"


def test_where_every_cell_is_broken_nothing_is_shown(
    call: Call, study: Path, strangers: Path
) -> None:
    answer = call("ablate", study, "--plugin", strangers, "--set", "combiner=in-rejects")

    assert (answer.code, answer.out) == (6, "")
    assert answer.err.startswith("error: combiner 'in-rejects' of strangers.py: rejects raised ")


# --- while it is trained ----------------------------------------------------------------------

BREAKING = """
[[include]]
name = "good"
[[include]]
name = "forward"
set = { "heads.sts" = "inforward" }
[[include]]
name = "exit"
set = { "heads.sts" = "leaves" }
[[include]]
name = "steps"
set = { balancer = "lazy" }
[[include]]
name = "load"
set = { tasks = ["absent"] }
"""

REASONS = {
    "forward": r"head 'inforward' of strangers.py: RuntimeError: .*",
    "exit": r"head 'leaves' of strangers.py: SystemExit: 0",
    "steps": r"balancer 'lazy' of strangers.py: RuntimeError: no more today",
    "load": r"task 'absent' of strangers.py: load raised FileNotFoundError: .*",
}


def test_what_breaks_a_run_is_named_and_the_others_are_trained(
    call: Call, start: Callable[..., Any], study: Path, strangers: Path
) -> None:
    study.write_text(STUDY + BREAKING)

    answer = start(
        "ablate", study, "--plugin", strangers, "--jobs", 2, "--format", "json"
    ).finish()

    assert answer.code == 3
    assert answer.err.splitlines()[-1].startswith("error: 4 of 5 runs have no score (4 failed)")
    table = cells(answer)
    assert table.pop("good")["status"] == "done"
    assert table.keys() == REASONS.keys()
    for mark, reason in REASONS.items():
        assert table[mark]["status"] == "failed"
        place = rf" \(strangers.py:{line(mark)}\)"
        assert re.fullmatch(reason + place, table[mark]["reason"])
        (run,) = table[mark]["runs"]
        log = call("status", run["key"], "--log").out
        assert log.startswith("Traceback (most recent call last):")
        assert f'strangers.py", line {line(mark)}, in ' in log


def test_a_step_that_goes_wrong_is_told_by_bench(call: Call, study: Path, strangers: Path) -> None:
    given = ("--plugin", strangers, "--axis", "heads.sts=head,leaves", "--steps", 1)

    answer = call("bench", study, *given, "--format", "json")

    good, broken = json.loads(answer.out)["cells"]
    assert (answer.code, good["status"], broken["status"]) == (3, "done", "failed")
    assert broken["error"] == (
        f"head 'leaves' of strangers.py: SystemExit: 0 (strangers.py:{line('exit')})"
    )


# --- plugins that are blocked -----------------------------------------------------------------

IMPOSTOR = """
from mtbench.api import CombinerSpec, hookimpl


@hookimpl
def mtbench_combiners():
    return [CombinerSpec(name="sum", summary="", target="x:X", needs="losses")]
"""


def test_two_plugins_with_one_name_until_one_is_blocked(
    call: Call, study: Path, tmp_path: Path, new_modules: None
) -> None:
    (tmp_path / "impostor.py").write_text(IMPOSTOR)
    given = (study, "--plugin", "impostor.py", "--format", "json")
    plain = json.loads(call("plan", study, "--format", "json").out)["runs"]

    conflict = call("plan", *given)
    settled = call("plan", *given, "-p", "no:impostor")

    assert conflict.code == 6
    assert "comes from more than one plugin" in conflict.err
    assert (settled.code, settled.err) == (0, "")
    assert json.loads(settled.out)["runs"] == plain  # of the same key


def test_a_runs_process_blocks_what_was_blocked(
    call: Call, study: Path, strangers: Path, tmp_path: Path
) -> None:
    (tmp_path / "an_impostor.py").write_text(IMPOSTOR)
    name = "An.Impostor"
    files = ("--plugin", strangers, "--plugin", "an_impostor.py", "-p", f"no:{name}")

    answer = call("ablate", study, *files, "--format", "json")

    ((_, cell),) = cells(answer).items()
    assert (answer.code, cell["status"]) == (0, "done")
    (request,) = Path(".mtbench").rglob("run.json")
    stored = json.loads(request.read_text())
    assert stored["blocked"] == [name]
    assert stored["plugins"] == [str(strangers), str(tmp_path / "an_impostor.py")]
    evaluated = call("evaluate", stored["key"], "--plugin", "an_impostor.py")
    assert (evaluated.code, evaluated.err) == (0, "")
    for file in (tmp_path / "an_impostor.py", strangers):
        file.unlink()  # the run never needed it
    assert call("evaluate", stored["key"]).code == 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("strangers", "-p 'strangers': expected no:NAME"),
        ("no:", "-p 'no:': expected no:NAME"),
        ("yes:strangers", "-p 'yes:strangers': expected no:NAME"),
        ("no:strangres", "unknown plugin 'strangres' in -p; did you mean 'strangers'? (known: "),
    ],
)
def test_what_cannot_be_blocked(
    call: Call, study: Path, strangers: Path, given: str, message: str
) -> None:
    commands: list[tuple[Any, ...]] = [
        ("plan", study),
        ("plugins", "list"),
        ("plugins", "show", "linear"),
        ("data", "status"),
    ]
    for command in commands:
        answer = call(*command, "--plugin", strangers, "-p", given)

        assert (answer.code, answer.out) == (2, "")
        assert answer.err.startswith(f"error: {message}")
        assert answer.err.count("\n") == 1


def test_list_shows_what_is_blocked(call: Call, strangers: Path) -> None:
    given = ("plugins", "list", "--plugin", strangers, "-p", "no:strangers", "-p", "no:tasks")

    value = json.loads(call(*given, "--format", "json").out)
    table = call(*given).out.partition("\nblocked\n")[2]

    assert [each["module"] for each in value["blocked"]] == [
        "mtbench_builtins.tasks",
        "strangers",
    ]
    assert {each["kind"] for each in value["components"]} == {
        "encoder",
        "head",
        "balancer",
        "combiner",
    }
    assert "strangers.py" in table


# --- the file beside a matrix -----------------------------------------------------------------


@pytest.fixture
def beside(tmp_path: Path, new_modules: None) -> Iterator[Path]:
    """A folder with a study and its ``mtbenchfile.py``."""
    folder = tmp_path / "beside"
    folder.mkdir()
    (folder / "matrix.toml").write_text(STUDY)
    (folder / "mtbenchfile.py").write_text(STRANGERS.replace("MODULE", "mtbenchfile"))
    yield folder
    sys.modules.pop("mtbenchfile", None)


def test_the_file_beside_a_matrix_is_a_plugin(
    call: Call, beside: Path, start: Callable[..., Any]
) -> None:
    axis = ("--axis", "combiner=sum,plain", "--format", "json")

    answer = start("ablate", beside, *axis, "--jobs", 2).finish()
    by_file = call("plan", beside / "matrix.toml", *axis)
    given_too = call("plan", beside, *axis, "--plugin", beside / "mtbenchfile.py")
    blocked = call("plan", beside, *axis, "-p", "no:mtbenchfile")

    assert answer.code == 0
    assert [cell["status"] for cell in cells(answer).values()] == ["done", "done"]
    told = f"loading {beside / 'mtbenchfile.py'}, which is code (-p no:mtbenchfile leaves it out)"
    assert answer.err.startswith(f"{told}\n")
    assert answer.err.count("loading") == 1  # and not in the processes of the runs
    for again, said in ((by_file, f"{told}\n"), (given_too, "")):  # a process is told once
        assert (again.code, again.err) == (0, said)
        assert json.loads(again.out)["plan"]["stored"] == 2
    assert blocked.code == 2
    assert "unknown combiner 'plain'" in blocked.err
    assert blocked.err.endswith("; blocked with -p: mtbenchfile\n")


def test_each_study_has_its_own_file(call: Call, beside: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "study.toml").write_text(STUDY)
    text = (beside / "mtbenchfile.py").read_text()
    (other / "mtbenchfile.py").write_text(text.replace("ones(len", "zeros(len"))
    axis = ("--set", "combiner=plain", "--format", "json")

    first, second, again = (
        json.loads(call("plan", matrix, *axis).out)["runs"][0]["run"]
        for matrix in (beside, other / "study.toml", beside)
    )

    assert first == again != second


def test_the_file_of_the_working_directory_is_listed(
    call: Call, beside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(beside)

    listed = json.loads(call("plugins", "list", "--format", "json").out)
    shown = call("plugins", "show", "plain")
    data = call("data", "status", "-p", "no:tasks")
    gone = call("plugins", "show", "plain", "-p", "no:mtbenchfile")

    mine = [c["name"] for c in listed["components"] if c["distribution"] == "mtbenchfile.py"]
    assert {"plain", "in-rejects", "head", "lazy", "absent"} <= set(mine)
    assert shown.out.startswith("combiner plain: A stranger.\n  from mtbenchfile.py")
    # A task that cannot be asked ends this command, with its name.
    assert (data.code, data.out) == (6, "")
    assert data.err.startswith("error: task 'undescribed' of mtbenchfile.py: OSError: no network")
    assert gone.code == 2


def test_a_broken_file_beside_a_matrix_is_a_problem_like_any(call: Call, beside: Path) -> None:
    (beside / "mtbenchfile.py").write_text("import a_module_that_is_nowhere\n")
    axis = ("--format", "csv", "--axis")
    plugin = "mtbenchfile (mtbenchfile.py)"
    reason = "ModuleNotFoundError: No module named 'a_module_that_is_nowhere' (mtbenchfile.py:1)"

    without = call("plan", beside, *axis, "combiner=sum,pcgrad")
    needed = call("plan", beside, *axis, "combiner=sum,plain")

    assert without.code == 0
    assert without.err.endswith(f"\nwarning: broken plugin {plugin}: {reason}\n")
    assert needed.code == 6
    assert needed.err.endswith(f"a broken plugin may have brought it: {plugin}\n")
    assert needed.err.count(reason) == 1
    assert needed.out.count("broken") == 2
