import subprocess
import sys

import pytest

from mtbench import api


@pytest.mark.parametrize("name", api.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(api, name) is not None


def test_names_are_listed_once_in_order() -> None:
    assert api.__all__ == sorted(set(api.__all__))


def test_nothing_else_of_ours_is_there_for_the_taking() -> None:
    ours = {n for n, v in vars(api).items() if getattr(v, "__module__", "").startswith("mtbench.")}
    assert {name for name in ours if not name.startswith("_")} <= set(api.__all__)


def test_an_unknown_name() -> None:
    with pytest.raises(AttributeError, match=r"mtbench\.api.*Combinator"):
        api.Combinator  # noqa: B018


def test_the_import_brings_neither_torch_nor_pydantic() -> None:
    script = (
        "import sys, mtbench.api\n"
        "heavy = {'torch', 'pydantic', 'numpy', 'pandas', 'scipy', 'sklearn'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
        "mtbench.api.HeadParameters\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.stdout.splitlines(), done.stderr) == (["[]", "['pydantic']"], "")
