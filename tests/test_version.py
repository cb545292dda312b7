import re
import tomllib
from importlib import import_module
from pathlib import Path

import mtbench
from mtbench.version import __version__


def test_the_package_says_it_and_the_build_reads_it_there() -> None:
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    attribute = tomllib.loads(text)["tool"]["setuptools"]["dynamic"]["version"]["attr"]
    module, _, name = attribute.rpartition(".")

    assert getattr(import_module(module), name) == mtbench.__version__ == __version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)
