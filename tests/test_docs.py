"""The documentation: its examples run, its links lead somewhere, its tables are complete."""

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from mtbench.cli.scaffold import write_study
from mtbench.components.registry import HOOKS, Registry
from mtbench.hookspecs import NAMESPACE
from mtbench.matrix.configuration import DataConfig, TrainConfig
from mtbench.matrix.file import Matrix
from mtbench.matrix.gating import Gate
from mtbench.specs import API, KINDS, Spec
from mtbench.study.setup import Setup
from mtbench.study.study import Session
from mtbench.testing.checks import Subject
from mtbench.testing.conformance import Examination

ROOT = Path(__file__).parents[1]
PLACES = ("*.md", "docs/**/*.md", "leaderboards/*/*.md", "plugins/**/*.md", "tools/*/*.md")
PAGES = sorted(page for place in PLACES for page in ROOT.glob(place))


def blocks(page: str, language: str) -> list[str]:
    """Return the fenced blocks of one language."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


PLUGINS = "docs/plugins/README.md"


def test_the_first_plugin_is_short() -> None:
    """Module and packaging together; what is empty is not written by hand."""
    module, packaging = blocks(PLUGINS, "python")[0], blocks(PLUGINS, "toml")[0]
    lines = [line for line in (module + packaging).splitlines() if line.strip()]
    assert len(lines) <= 25


def test_the_first_plugin_passes_the_kit_and_stands_in_a_study(
    tmp_path: Path, new_modules: None
) -> None:
    file = tmp_path / "my_head.py"
    file.write_text(blocks(PLUGINS, "python")[0], encoding="utf-8")
    registry = Registry.load([file])
    assert not registry.problems
    outcomes = list(Examination(Subject.of(registry.find("head", "product"))))
    assert [outcome for outcome in outcomes if outcome.status == "failed"] == []
    assert len([outcome for outcome in outcomes if outcome.status == "passed"]) >= 10
    study = write_study(tmp_path)
    axes = {"heads.sample-sts": ["relu-cosine", "product"]}
    setup = Setup(study, store=tmp_path / "store", device="cpu", axes=axes)
    plan = Session(setup, registry).plan()
    assert [cell.rejection for cell in plan.cells] == [None] * 4


def test_the_packaging_of_the_first_plugin() -> None:
    project = tomllib.loads(blocks(PLUGINS, "toml")[0])["project"]
    assert project["entry-points"] == {NAMESPACE: {"product": "my_head"}}
    assert (project["name"], project["dependencies"]) == ("mtl-bench-product", ["mtl-bench"])


@pytest.mark.parametrize("index", [1, 2, 3])
def test_the_other_examples_of_the_plugin_page_run(index: int) -> None:
    exec(compile(blocks(PLUGINS, "python")[index], PLUGINS, "exec"), {})


def test_every_hook_is_on_the_plugin_page() -> None:
    text = (ROOT / PLUGINS).read_text(encoding="utf-8")
    assert [hook for hook in HOOKS if f"`{hook}`" not in text] == []


def mentions(page: str, name: str) -> bool:
    """Whether a page writes a name as code, alone or as ``name(...)``, ``name=...``."""
    return re.search(rf'`"?{re.escape(name)}\b', page) is not None


def test_every_field_of_a_spec_is_on_a_plugin_page() -> None:
    common = {field.name for field in fields(Spec)}
    for kind, spec in KINDS.items():
        text = (ROOT / "docs/plugins" / f"{kind}.md").read_text(encoding="utf-8")
        own = {field.name for field in fields(spec)} - common
        assert [name for name in (*own, *spec.PROMISES) if not mentions(text, name)] == []
    text = (ROOT / PLUGINS).read_text(encoding="utf-8")
    assert [name for name in common if f"`{name}`" not in text] == []


def test_the_version_of_the_interface_is_on_its_page() -> None:
    text = (ROOT / "docs/plugins/versions.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \|", text, re.MULTILINE)
    assert rows == [str(version) for version in range(1, API + 1)]


def test_every_key_is_on_the_matrix_page() -> None:
    text = (ROOT / "docs/matrix.md").read_text(encoding="utf-8")
    tables, lists = ("axes", "gate"), ("steps", "parts", "include", "exclude")
    keys = [
        *(f"train.{name}" for name in TrainConfig.model_fields),
        *(f"data.{name}" for name in DataConfig.model_fields),
        *(set(Matrix.model_fields) - {"base", *tables, *lists}),
        "[base]",
        *(f"[{name}]" for name in tables),
        *(f"[[{name}]]" for name in lists),
        *Gate.model_fields,
    ]
    assert [key for key in keys if f"`{key}`" not in text] == []


def test_every_built_in_is_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    names = {
        e.spec.name for e in Registry.load().entries if e.provider.distribution == "mtl-bench"
    }
    assert [name for name in names if f"`{name}`" not in text] == []


def test_the_matrix_of_the_readme_is_one(tmp_path: Path) -> None:
    matrix = tmp_path / "matrix.toml"
    matrix.write_text(blocks("README.md", "toml")[0], encoding="utf-8")
    from mtbench.matrix.file import cells, read_matrix

    assert len(cells(read_matrix(matrix))) == 8


def test_the_designs_of_the_matrix_page_are_matrices(tmp_path: Path) -> None:
    from mtbench.matrix.file import arrange, read_matrix

    matrix = tmp_path / "matrix.toml"
    sizes = []
    for block in blocks("docs/matrix.md", "toml"):
        if "[[" in block or "[axes]" in block:
            matrix.write_text(f'{block}[base]\ntasks = ["sst", "sts"]\n', encoding="utf-8")
            found = arrange(read_matrix(matrix))
            sizes.append(len(found.cells) + found.to_come)
    assert sizes == [5, 3, 5, 6]
