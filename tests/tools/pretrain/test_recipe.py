import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from torch import Tensor

from mtbench.api import UsageError
from tools.pretrain import checkpoint, recipe
from tools.pretrain.embedding import embed
from tools.pretrain.mlm import MaskedLanguageModel
from tools.pretrain.recipe import STAGES
from tools.pretrain.settings import Settings, load
from tools.pretrain.stages import Workplace

World = Callable[..., Workplace]


class Interrupted(Exception):
    pass


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, world: World) -> Workplace:
    """A workplace where every stage was run at a stretch; nobody may change it."""
    place = world(tmp_path_factory.mktemp("work"))
    recipe.run(place)
    return place


def contents(work: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(work)): file.read_bytes()
        for file in sorted(work.rglob("*"))
        if file.is_file()
    }


def test_the_recipe_ends_with_an_encoder_of_the_settings(made: Workplace) -> None:
    encoder, tokenizer = checkpoint.read(made.work / "distil" / "tiny")
    vectors = embed(encoder.eval(), tokenizer, ["a dog", "it rains"], batch_tokens=20)

    assert encoder.width == made.settings.shape.width
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(2))


def test_every_section_of_the_settings_is_of_one_stage() -> None:
    sections = [stage.section for stage in STAGES if stage.section]
    assert sorted([*sections, "seed"]) == sorted(Settings.model_fields)


def test_an_interrupted_recipe_goes_on_to_the_same_bytes(
    tmp_path: Path, world: World, made: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = MaskedLanguageModel.loss
    steps = iter(range(made.settings.mlm.steps))

    def interrupted(self: Any, *batch: Any) -> Tensor:
        if next(steps, None) == 5:
            raise Interrupted
        loss: Tensor = original(self, *batch)
        return loss

    lines: list[str] = []
    place = replace(world(tmp_path), log=lines.append)
    monkeypatch.setattr(MaskedLanguageModel, "loss", interrupted)
    with pytest.raises(Interrupted):
        recipe.run(place)
    recipe.run(place)

    assert "mlm: goes on after step 4" in lines
    assert contents(place.work) == contents(made.work)


def test_stages_from_a_changed_setting_on_are_refused(made: Workplace, world: World) -> None:
    lines: list[str] = []
    place = replace(world(made.work, shape={"intermediate": 20}), log=lines.append)
    with pytest.raises(UsageError) as refused:
        recipe.run(place)

    assert str(refused.value) == (
        f"{made.work / 'words'}: made of other ingredients than are given now, says its "
        "ingredients.json; take another --work, or remove this folder and those of the later "
        "stages"
    )
    done = ("text", "vocabulary", "families", "clauses", "teacher")
    assert lines == [f"{name}: done before" for name in done]


# --- the command ------------------------------------------------------------------------------


def toml(settings: Settings) -> str:
    """Write settings as a file of the command."""
    sections = settings.model_dump(mode="json")
    lines = [f"seed = {sections.pop('seed')}"]
    for name, section in sections.items():
        lines += [f"[{name}]", *(f"{key} = {value!r}" for key, value in section.items())]
    return "\n".join(lines)


@pytest.fixture
def options(tmp_path: Path, made: Workplace) -> dict[str, Path]:
    """The command's options, for a new working folder."""
    file = tmp_path / "settings.toml"
    file.write_text(toml(made.settings), encoding="utf-8")
    return {
        "--corpus": made.corpus,
        "--evaluation": made.evaluation,
        "--teacher": made.teacher,
        "--work": tmp_path / "work",
        "--settings": file,
    }


def words(options: dict[str, Path]) -> list[str]:
    return [str(word) for option in options.items() for word in option]


def test_the_command_makes_the_same_bytes_in_another_process(
    options: dict[str, Path], made: Workplace, root: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.pretrain.recipe", *words(options)],
        cwd=root,
        env=os.environ | {"PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert contents(options["--work"]) == contents(made.work)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--corpus", "no corpus: "),
        ("--evaluation", "no evaluation data: "),
        ("--teacher", "checkpoint '"),
    ],
)
def test_the_command_says_in_one_line_what_is_wrong(
    options: dict[str, Path], tmp_path: Path, option: str, message: str
) -> None:
    (tmp_path / "empty").mkdir()
    result = CliRunner().invoke(recipe.main, words(options | {option: tmp_path / "empty"}))

    assert (result.exit_code, result.output.count("\n")) == (1, 1)
    assert result.output.startswith(f"Error: {message}")


def test_the_settings_of_tiny_are_valid(root: Path) -> None:
    assert load(root / "tools" / "pretrain" / "recipe.toml").seed >= 0
