"""The documentation: its examples run, its links lead somewhere, its tables are complete."""

import re
from pathlib import Path

import pytest

from mtbench.configuration import DataConfig, TrainConfig
from mtbench.matrix import Matrix
from mtbench.registry import HOOKS, Registry
from mtbench.store import Store
from mtbench.study import make_plan

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


def test_the_head_of_the_plugin_page_stands_in_a_plan(tmp_path: Path) -> None:
    file = tmp_path / "documented_head.py"
    file.write_text(blocks("docs/plugins.md", "python")[0], encoding="utf-8")
    registry = Registry.load([file])
    assert not registry.problems
    matrix = tmp_path / "matrix.toml"
    matrix.write_text(
        """
        seeds = 1
        [base]
        tasks = ["sample-sst", "sample-sts"]
        [axes]
        "heads.sample-sts" = ["difference", { name = "difference", pair = "joined" }]
        """,
        encoding="utf-8",
    )
    plan = make_plan(matrix, registry, Store(tmp_path / "store"))
    assert [cell.rejection for cell in plan.cells] == [
        None,
        "heads.sample-sts (difference): it needs the two embeddings of a separate pair",
    ]


@pytest.mark.parametrize("index", [1, 2])
def test_the_other_examples_of_the_plugin_page_run(index: int) -> None:
    exec(compile(blocks("docs/plugins.md", "python")[index], "docs/plugins.md", "exec"), {})


def test_every_hook_is_on_the_plugin_page() -> None:
    text = (ROOT / "docs/plugins.md").read_text(encoding="utf-8")
    assert [hook for hook in HOOKS if f"`{hook}`" not in text] == []


def test_every_key_is_on_the_matrix_page() -> None:
    text = (ROOT / "docs/matrix.md").read_text(encoding="utf-8")
    keys = [
        *(f"train.{name}" for name in TrainConfig.model_fields),
        *(f"data.{name}" for name in DataConfig.model_fields),
        *(set(Matrix.model_fields) - {"base", "axes", "steps"}),
        "[base]",
        "[axes]",
        "[[steps]]",
    ]
    assert [key for key in keys if f"`{key}`" not in text] == []


def test_every_built_in_is_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    names = {e.spec.name for e in Registry.load().entries if e.provider.distribution == "mtbench"}
    assert [name for name in names if f"`{name}`" not in text] == []


def test_the_matrix_of_the_readme_is_one(tmp_path: Path) -> None:
    matrix = tmp_path / "matrix.toml"
    matrix.write_text(blocks("README.md", "toml")[0], encoding="utf-8")
    from mtbench.matrix import cells, read_matrix

    assert len(cells(read_matrix(matrix))) == 8
