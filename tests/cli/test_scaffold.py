"""What is begun can be installed, checked and trained as it stands, by real processes."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from mtbench.cli.scaffold import write_plugin, write_study
from mtbench.components.registry import Registry
from mtbench.components.sources import source_hash
from mtbench.errors import UsageError
from mtbench.matrix.file import cells, read_matrix
from mtbench.specs import KINDS
from mtbench.store import Store
from mtbench.study.setup import Setup
from mtbench.study.study import Session


def run(*command: object, folder: Path, site: Path | None = None) -> str:
    """Run a command in a folder, beside what was installed into ``site``; return its output."""
    # pip refuses constraints on a build for which it makes no environment.
    environment = {k: v for k, v in os.environ.items() if k != "PIP_BUILD_CONSTRAINT"}
    if site is not None:
        path = [str(site), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, path))
    done = subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# --- a study ----------------------------------------------------------------------------------


def test_a_study_can_be_planned_as_it_is(tmp_path: Path) -> None:
    file = write_study(tmp_path / "new")

    assert file == tmp_path / "new" / "matrix.toml"
    plan = Session(Setup(file, store=Store(tmp_path / "store"), device="cpu")).plan()
    assert [cell.name for cell in plan.cells] == ["combiner=sum", "combiner=pcgrad"]
    assert len(plan.to_do()) == 6  # three seeds, as a matrix that says nothing has
    assert {cell.config["train"]["lr"] for cell in plan.cells} == {3e-4}


def test_what_a_study_leaves_out_can_be_taken_in(tmp_path: Path) -> None:
    """Every line of TOML behind a ``#`` is one, and stands in a plan."""
    file = write_study(tmp_path)
    lines = file.read_text().splitlines()
    hidden = [line for line in lines if line.startswith(("# encoder =", '# "'))]
    assert len(hidden) == 3

    for line in hidden:
        key = line.removeprefix("# ").partition(" = ")[0]
        others = [other for other in lines if not other.startswith(f"{key} =")]
        others[others.index(line)] = line.removeprefix("# ")
        file.write_text("\n".join(others))
        assert cells(read_matrix(file))


def test_a_study_is_not_overwritten(tmp_path: Path) -> None:
    file = write_study(tmp_path)
    file.write_text("mine")

    with pytest.raises(UsageError, match=r"matrix\.toml is there already"):
        write_study(tmp_path)
    assert file.read_text() == "mine"


# --- a plugin ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a plugin of each kind, and all of them installed in ``site``."""
    folder = tmp_path_factory.mktemp("begun")
    registry = Registry.load()
    for kind in KINDS:
        write_plugin(kind, f"new-{kind}", folder / kind, registry)
    options = ("-q", "--no-deps", "--no-build-isolation", "--disable-pip-version-check")
    run("pip", "install", *options, "--target", "site", *(f"./{k}" for k in KINDS), folder=folder)
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_a_plugin_says_what_it_is(begun: Path, kind: str) -> None:
    project = tomllib.loads((begun / kind / "pyproject.toml").read_text())["project"]
    assert project["name"] == f"mtl-bench-new-{kind}"
    assert project["entry-points"]["mtbench"] == {f"new-{kind}": f"mtbench_new_{kind}"}
    shown = run("mtbench", "plugins", "show", f"new-{kind}", folder=begun, site=begun / "site")
    assert shown.startswith(f"{kind} new-{kind}: ")
    assert f"from mtl-bench-new-{kind} 0.1.0 (mtbench_new_{kind})" in shown


def test_a_plugin_passes_the_kit(begun: Path) -> None:
    tests = [next((begun / kind).glob("test_*.py")) for kind in KINDS]
    out = run("pytest", "-q", "-p", "no:cacheprovider", *tests, folder=begun, site=begun / "site")
    assert "passed" in out
    assert "failed" not in out


def test_plugins_are_trained_and_stand_in_a_leaderboard(begun: Path) -> None:
    write_study(begun / "study")
    settings = (
        'tasks=["sample-sts", "new-task"]',
        "encoder=new-encoder",
        "heads.new-task=new-head",
        "balancer=new-balancer",
        "train.steps=2",
    )
    out = run(
        *("mtbench", "ablate", "study", "--seeds", 1, "--axis", "combiner=sum,new-combiner"),
        *(word for setting in settings for word in ("--set", setting)),
        *("--data", "task/data", "--format", "csv"),
        folder=begun,
        site=begun / "site",
    )
    assert "combiner=new-combiner" in out


def test_the_readme_has_a_command_that_works(begun: Path) -> None:
    text = (begun / "combiner" / "README.md").read_text()
    (line,) = [line for line in text.splitlines() if line.startswith("$ mtbench ablate")]
    assert line == "$ mtbench ablate study --axis combiner=sum,new-combiner"
    checking = "mtbench plugins check {kind}:new-{kind}"
    for kind in KINDS:
        text = (begun / kind / "README.md").read_text()
        assert f"`{checking.format(kind=kind)}{' --data data' if kind == 'task' else ''}`" in text


@pytest.mark.parametrize("kind", KINDS)
def test_listing_a_plugin_imports_no_torch(begun: Path, kind: str) -> None:
    script = f"import sys, mtbench_new_{kind}; print('torch' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(begun / "site")}
    command = [sys.executable, "-c", f"{script}; print(*mtbench_new_{kind}.mtbench_{kind}s())"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"False\n{kind.capitalize()}Spec(name='new-{kind}'")


def test_an_edit_of_the_class_counts_and_one_of_the_catalogue_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new_modules: None
) -> None:
    write_plugin("head", "tall", tmp_path, Registry.load())
    monkeypatch.syspath_prepend(tmp_path)
    package, target = tmp_path / "mtbench_tall", "mtbench_tall.head:TallHead"
    before = source_hash(target)

    with (package / "__init__.py").open("a") as file:
        file.write("# another component\n")
    assert source_hash(target) == before
    with (package / "head.py").open("a") as file:
        file.write("# edited\n")
    assert source_hash(target) != before


@pytest.mark.parametrize(
    ("name", "distribution", "class_"),
    [
        ("tall", "mtl-bench-tall", "TallHead"),
        ("very-tall-head", "mtl-bench-very-tall-head", "VeryTallHead"),
        ("mtbench-tall", "mtl-bench-tall", "MtbenchTallHead"),
        ("mtl-bench-tall", "mtl-bench-tall", "MtlBenchTallHead"),
        ("3d", "mtl-bench-3d", "Head3d"),
        ("head", "mtl-bench-head", "MyHead"),
    ],
)
def test_names(tmp_path: Path, name: str, distribution: str, class_: str) -> None:
    write_plugin("head", name, tmp_path, Registry.load())

    project = tomllib.loads((tmp_path / "pyproject.toml").read_text())["project"]
    assert (project["name"], project["dependencies"]) == (distribution, ["mtl-bench"])
    package = distribution.replace("mtl-bench", "mtbench").replace("-", "_")
    assert project["entry-points"] == {"mtbench": {name: package}}
    source = (tmp_path / package / "head.py").read_text()
    assert f"class {class_}(nn.Module):" in source
    compile(source, "head.py", "exec")


def test_the_folder_is_called_as_the_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    files = write_plugin("combiner", "mean", None, Registry.load())

    assert {file.parts[0] for file in files} == {"mtbench-mean"}


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("haed", "tall", "unknown kind 'haed'; did you mean 'head'?"),
        ("head", "Tall", "the name 'Tall' is not lower-case words joined by '-'"),
        ("head", "linear", "there is a head 'linear' already, of mtl-bench: take another name"),
        ("head", "builtins", "there is a module 'mtbench_builtins' already: take another name"),
        ("head", "torchjd", "there is a module 'mtbench_torchjd' already: take another name"),
        ("head", "mtl-bench-torchjd", "there is a module 'mtbench_torchjd' already: take another"),
        ("task", "overall", "no task can be called 'overall', which is the mean over all"),
    ],
)
def test_what_cannot_be_begun(tmp_path: Path, kind: str, name: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        write_plugin(kind, name, tmp_path, Registry.load())

    assert str(caught.value).startswith(message)
    assert not list(tmp_path.iterdir())


def test_nothing_is_written_where_a_file_is_there_already(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")

    with pytest.raises(UsageError, match=r"README\.md is there already"):
        write_plugin("head", "tall", tmp_path, Registry.load())
    assert [file.name for file in tmp_path.iterdir()] == ["README.md"]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(UsageError, match=r"matrix\.toml: cannot be written: Not a directory"):
        write_study(tmp_path / "file" / "study")
