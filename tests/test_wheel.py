"""What the wheel holds: the harness, the built-in plugins with tiny, and nothing else."""

import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from email import message_from_string
from pathlib import Path
from zipfile import ZipFile

import pytest

from mtbench import __version__

INPUTS = ("pyproject.toml", "README.md", "LICENSE", "mtbench", "plugins", "tools")
TINY = "mtbench_builtins/encoders/tiny"


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    """The wheel, built from a copy: a build leaves files behind, and takes up old ones."""
    source = tmp_path_factory.mktemp("source")
    for name in INPUTS:
        if (root / name).is_dir():
            caches = shutil.ignore_patterns("__pycache__", "*.egg-info", "build")
            shutil.copytree(root / name, source / name, ignore=caches)
        else:
            shutil.copy(root / name, source / name)
    (source / "tests").mkdir()
    (source / "tests" / "__init__.py").touch()  # a package that must stay out
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = (source / "dist").iterdir()
    assert built.name == f"mtl_bench-{__version__}-py3-none-any.whl"
    return ZipFile(built)


def test_every_module_the_shipped_checkpoint_and_nothing_else(wheel: ZipFile, root: Path) -> None:
    modules = [path.relative_to(root) for path in (root / "mtbench").rglob("*.py")]
    builtins = (root / "plugins" / "mtbench_builtins").rglob("*.py")
    modules += [path.relative_to(root / "plugins") for path in builtins]
    shipped = (root / "plugins" / TINY).rglob("*.*")
    files = [path.relative_to(root / "plugins") for path in shipped]
    files += [path.relative_to(root) for path in (root / "mtbench").rglob("*.template")]
    expected = {*map(Path.as_posix, modules + files), "mtbench/py.typed"}
    assert {name for name in wheel.namelist() if ".dist-info/" not in name} == expected


def test_the_shipped_checkpoint_is_the_one_of_the_tree(wheel: ZipFile, root: Path) -> None:
    for name in ("model.safetensors", "vocab.txt", "1_Pooling/config.json"):
        assert wheel.read(f"{TINY}/{name}") == (root / "plugins" / TINY / name).read_bytes()


def test_the_top_level_packages(wheel: ZipFile) -> None:
    information = f"mtl_bench-{__version__}.dist-info"
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert tops == {"mtbench", "mtbench_builtins", information}
    assert f"{information}/licenses/LICENSE" in wheel.namelist()


def test_the_distribution_is_called_otherwise_than_its_package(wheel: ZipFile) -> None:
    text = wheel.read(f"mtl_bench-{__version__}.dist-info/METADATA").decode()
    metadata = message_from_string(text)
    needed = {re.split(r"[^\w-]", line)[0] for line in metadata.get_all("Requires-Dist", [])}
    assert metadata["Name"] == "mtl-bench"
    assert "torch" in needed
    assert {name for name in needed if name.startswith("mtbench")} == set()


def test_the_entry_points(wheel: ZipFile) -> None:
    parser = ConfigParser()
    parser.read_string(wheel.read(f"mtl_bench-{__version__}.dist-info/entry_points.txt").decode())
    assert {section: dict(parser[section]) for section in parser.sections()} == {
        "console_scripts": {"mtbench": "mtbench.__main__:main"},
        "pytest11": {"mtbench": "mtbench.pytest_plugin"},
        "mtbench": {
            "tasks": "mtbench_builtins.tasks",
            "encoders": "mtbench_builtins.encoders",
            "heads": "mtbench_builtins.heads",
            "balancers": "mtbench_builtins.balancers",
            "combiners": "mtbench_builtins.combiners",
        },
    }
