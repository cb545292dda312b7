import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from torch import Tensor

from mtbench.api import UsageError
from tools.pretrain import checkpoint, recipe, teacher
from tools.pretrain.distil import Distillation
from tools.pretrain.mlm import MaskedLanguageModel
from tools.pretrain.recipe import STAGES
from tools.pretrain.settings import Settings, load
from tools.pretrain.stages import Workplace

World = Callable[..., Workplace]
TRAINED: dict[str, Any] = {"distil": Distillation, "mlm": MaskedLanguageModel}
ENCODER = Path("distil") / "tiny" / "model.safetensors"


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


def said(place: Workplace) -> list[str]:
    """Run the recipe and return what it says."""
    lines: list[str] = []
    recipe.run(replace(place, log=lines.append))
    return lines


# --- the stages -------------------------------------------------------------------------------


def test_every_stage_leaves_a_folder_with_its_ingredients(made: Workplace) -> None:
    names = [stage.name for stage in STAGES]
    assert sorted(folder.name for folder in made.work.iterdir()) == sorted(names)
    for name in names:
        assert (made.work / name / "done").read_bytes() == b""
        listed = json.loads((made.work / name / "ingredients.json").read_text())
        assert listed["seed"] == 1
        assert listed["files"].keys() >= {"wiki-en.txt.xz", "sts-dev.csv"}
        assert ("teacher" in listed) == (names.index(name) >= names.index("teacher"))
    assert listed["distil"] == made.settings.distil.model_dump(mode="json")
    unfinished = [name for name in contents(made.work) if name.endswith((".part", "save.pt"))]
    assert unfinished == []


def test_every_section_of_the_settings_is_of_one_stage() -> None:
    sections = [stage.section for stage in STAGES if stage.section]
    assert sorted([*sections, "seed"]) == sorted(Settings.model_fields)


def test_a_second_run_does_nothing(made: Workplace) -> None:
    before = {file: file.stat().st_mtime_ns for file in made.work.rglob("*")}
    assert said(made) == [f"{stage.name}: done before" for stage in STAGES]
    assert {file: file.stat().st_mtime_ns for file in made.work.rglob("*")} == before


def test_a_seed_makes_the_same_bytes_everywhere(
    tmp_path: Path, world: World, made: Workplace
) -> None:
    place = world(tmp_path)
    recipe.run(place)
    assert contents(place.work) == contents(made.work)


def test_another_seed_makes_another_encoder(tmp_path: Path, world: World, made: Workplace) -> None:
    place = world(tmp_path)
    place = replace(place, settings=place.settings.model_copy(update={"seed": 2}))
    recipe.run(place)
    assert (place.work / ENCODER).read_bytes() != (made.work / ENCODER).read_bytes()


# --- interruptions ----------------------------------------------------------------------------


@pytest.mark.parametrize("last", [2, 6], ids=["before a save", "after a save"])
@pytest.mark.parametrize("stage", TRAINED)
def test_an_interrupted_training_goes_on_to_the_same_bytes(
    tmp_path: Path, world: World, made: Workplace, stage: str, last: int
) -> None:
    kind = TRAINED[stage]
    place = world(tmp_path)
    calls = 0
    original = kind.loss

    def interrupted(self: Any, *given: Any) -> Tensor:
        nonlocal calls
        calls += 1
        if calls == last:
            raise Interrupted
        loss: Tensor = original(self, *given)
        return loss

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, "loss", interrupted)
        with pytest.raises(Interrupted):
            recipe.run(place)
    assert not (place.work / stage / "done").exists()
    assert (place.work / stage / "save.pt").exists() == (last > 4)
    lines = said(place)
    assert (f"{stage}: goes on after step 4" in lines) == (last > 4)
    assert contents(place.work) == contents(made.work)


def test_an_interrupted_teacher_goes_on_to_the_same_bytes(
    tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teacher, "SHARD", 100)
    straight, place = world(tmp_path / "straight"), world(tmp_path / "interrupted")
    recipe.run(straight)

    def interrupted(line: str) -> None:
        if line.startswith("teacher: 100 of"):
            raise Interrupted

    with pytest.raises(Interrupted):
        recipe.run(replace(place, log=interrupted))
    assert [file.name for file in (place.work / "teacher" / "vectors").iterdir()] == [
        "00000000.npy"
    ]
    lines = said(place)
    assert [line for line in lines if line.startswith("teacher")] == [
        "teacher: 200 of 240 texts",
        "teacher: 240 of 240 texts",
    ]
    assert contents(place.work) == contents(straight.work)


# --- other ingredients ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("section", "change", "first"),
    [
        ("vocabulary", {"texts": 299}, "vocabulary"),
        ("clauses", {"count": 19}, "clauses"),
        ("shape", {"intermediate": 20}, "words"),
        ("distil", {"steps": 9}, "distil"),
    ],
)
def test_stages_from_a_changed_setting_on_are_refused(
    made: Workplace, world: World, section: str, change: dict[str, int], first: str
) -> None:
    before = contents(made.work)
    lines: list[str] = []
    place = replace(world(made.work, **{section: change}), log=lines.append)
    with pytest.raises(UsageError) as refused:
        recipe.run(place)
    assert str(refused.value) == (
        f"{made.work / first}: made of other ingredients than are given now, says its "
        "ingredients.json; take another --work, or remove this folder and those of the later "
        "stages"
    )
    names = [stage.name for stage in STAGES]
    assert lines == [f"{name}: done before" for name in names[: names.index(first)]]
    assert contents(made.work) == before


def test_another_seed_is_refused_from_the_first_stage_on(made: Workplace) -> None:
    settings = made.settings.model_copy(update={"seed": 2})
    with pytest.raises(UsageError, match=f"^{made.work / 'text'}: made of other ingredients"):
        recipe.run(replace(made, settings=settings))


def test_another_corpus_is_refused(
    tmp_path: Path, made: Workplace, write_corpus: Callable[..., Path]
) -> None:
    corpus = write_corpus(tmp_path, ["A dog barks."])
    with pytest.raises(UsageError, match=f"^{made.work / 'text'}: made of other ingredients"):
        recipe.run(replace(made, corpus=corpus))


def test_a_changed_byte_of_the_evaluation_data_is_noticed(tmp_path: Path, made: Workplace) -> None:
    evaluation = shutil.copytree(made.evaluation, tmp_path / "evaluation")
    content = (evaluation / "sts-dev.csv").read_bytes()
    (evaluation / "sts-dev.csv").write_bytes(content.replace(b"nothing", b"Nothing"))
    with pytest.raises(UsageError, match=f"^{made.work / 'text'}: made of other ingredients"):
        recipe.run(replace(made, evaluation=evaluation))


def test_another_teacher_is_refused_from_its_stage_on(tmp_path: Path, made: Workplace) -> None:
    other = shutil.copytree(made.teacher, tmp_path / "teacher")
    content = (other / "tokenizer_config.json").read_text()
    (other / "tokenizer_config.json").write_text(content + " ")
    with pytest.raises(UsageError, match=f"^{made.work / 'teacher'}: made of other ingredients"):
        recipe.run(replace(made, teacher=other))


@pytest.mark.parametrize("stage", TRAINED)
def test_a_training_is_not_lost_where_its_weights_cannot_be_written(
    tmp_path: Path, world: World, made: Workplace, stage: str
) -> None:
    place = world(tmp_path)
    write = checkpoint.write

    def full(folder: Path, *given: Any) -> None:
        if folder.parent.name == stage:
            raise OSError("no space left on device")
        write(folder, *given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "write", full)
        with pytest.raises(OSError, match="no space"):
            recipe.run(place)
    steps = getattr(place.settings, stage).steps
    assert f"{stage}: goes on after step {steps}" in said(place)
    assert contents(place.work) == contents(made.work)


def test_later_stages_can_be_made_anew(tmp_path: Path, world: World, made: Workplace) -> None:
    for name, content in contents(made.work).items():
        if not name.startswith("distil"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(content)
    lines = said(world(tmp_path))
    assert lines == [f"{stage.name}: done before" for stage in STAGES[:-1]]
    assert contents(tmp_path) == contents(made.work)


# --- the command ------------------------------------------------------------------------------


def toml(settings: Settings) -> str:
    """Return the settings as a TOML file; what they hold is written there as in JSON."""
    lines = [f"seed = {settings.seed}"]
    for name, section in settings.model_dump(mode="json").items():
        if isinstance(section, dict):
            lines.append(f"[{name}]")
            lines += [f"{key} = {json.dumps(value)}" for key, value in section.items()]
    return "\n".join(lines) + "\n"


@pytest.fixture
def options(tmp_path: Path, made: Workplace) -> dict[str, Path]:
    """The options of a run in a folder of its own, with the settings of the small world."""
    file = tmp_path / "settings.toml"
    file.write_text(toml(made.settings), encoding="utf-8")
    return {
        "--corpus": made.corpus,
        "--evaluation": made.evaluation,
        "--teacher": made.teacher,
        "--work": tmp_path / "work",
        "--settings": file,
    }


def invoke(options: dict[str, Path]) -> tuple[int, str]:
    given = [str(word) for option in options.items() for word in option]
    result = CliRunner().invoke(recipe.main, given)
    return result.exit_code, result.output


def test_the_command_runs_the_recipe(options: dict[str, Path], made: Workplace) -> None:
    code, output = invoke(options)
    assert code == 0
    assert output.startswith("text: {'documents': 100,")
    assert contents(options["--work"]) == contents(made.work)
    code, output = invoke(options)
    assert (code, output) == (0, "".join(f"{stage.name}: done before\n" for stage in STAGES))


def test_the_command_runs_as_a_process(
    options: dict[str, Path], made: Workplace, root: Path
) -> None:
    command = [sys.executable, "-m", "tools.pretrain.recipe"]
    command += [str(word) for option in options.items() for word in option]
    environment = os.environ | {"PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert contents(options["--work"]) == contents(made.work)


def test_the_command_says_in_one_line_what_is_wrong(
    options: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("seed = 1\nextra = 2\n")
    for option, value, part in (
        ("--corpus", tmp_path / "empty", "no corpus: "),
        ("--evaluation", tmp_path / "empty", "no evaluation data: "),
        ("--settings", wrong, f"{wrong}: "),
    ):
        work = tmp_path / f"work{option}"
        code, output = invoke(options | {option: value, "--work": work})
        assert (code, output.count("\n")) == (1, 1)
        assert output.startswith(f"Error: {part}")


def test_a_teacher_that_is_none_is_named(options: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    code, output = invoke(options | {"--teacher": tmp_path / "empty"})
    assert (code, output.count("\n")) == (1, 1)
    assert output.startswith(f"Error: checkpoint '{tmp_path / 'empty'}': no ")
    assert not options["--work"].exists()


def test_the_settings_of_tiny_are_taken_unless_others_are_given(
    options: dict[str, Path], monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    taken: list[Workplace] = []
    monkeypatch.setattr(recipe, "run", taken.append)
    del options["--settings"]
    assert invoke(options) == (0, "")
    (place,) = taken
    assert place.settings == load(root / "tools" / "pretrain" / "recipe.toml")
    assert (place.corpus, place.work) == (options["--corpus"], options["--work"])
