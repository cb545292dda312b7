"""The recipe of `tiny`, from its text to its weights: ``python -m tools.pretrain.recipe``.

Each stage leaves a folder in the working folder, with what it was made of. A stage that is
done is not run again, and an interrupted one goes on: the teacher's after its last shard of
vectors, a training after its last save. With one thread it ends with the same bytes.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from mtbench.api import UsageError
from mtbench_builtins.encoders import checkpoints
from mtbench_builtins.encoders.files import file_hash
from mtbench_builtins.encoders.parameters import MinBertParameters
from tools.pretrain import settings, stages, trainings
from tools.pretrain.stages import Workplace


@dataclass(frozen=True)
class Stage:
    """A step of the recipe.

    Attributes:
        name: also of its folder.
        make: makes what it leaves in its folder.
        section: of the settings, that it reads.
        asks: whether it asks the teacher, as the stages after it do or build upon.
    """

    name: str
    make: Callable[[Workplace, Path], None]
    section: str | None = None
    asks: bool = False


STAGES = (
    Stage("text", stages.text),
    Stage("vocabulary", stages.pieces, "vocabulary"),
    Stage("families", stages.relatives, "families"),
    Stage("clauses", stages.made_up, "clauses"),
    Stage("teacher", stages.vectors, asks=True),
    Stage("words", trainings.first_weights, "shape"),
    Stage("mlm", trainings.language_model, "mlm"),
    Stage("distil", trainings.distillation, "distil"),
)
"""In the order in which they are run; each may read what the ones before it left."""


def run(place: Workplace) -> None:
    """Run every stage that is not done.

    Raises:
        UsageError: if an ingredient is missing, or a stage was made of others.
    """
    teacher = checkpoints.find(MinBertParameters(checkpoint=str(place.teacher.absolute())))
    assert teacher is not None
    files = [*sorted(place.corpus.glob("*.xz")), *sorted(place.evaluation.glob("*.csv"))]
    ingredients: dict[str, Any] = {
        "seed": place.settings.seed,
        "files": {file.name: file_hash(file) for file in files},
    }
    for stage in STAGES:
        if stage.asks:
            ingredients = ingredients | {"teacher": teacher.digest()}
        if stage.section is not None:
            given = getattr(place.settings, stage.section)
            ingredients = ingredients | {stage.section: given.model_dump(mode="json")}
        _run(stage, place, ingredients)


def _run(stage: Stage, place: Workplace, ingredients: dict[str, Any]) -> None:
    folder = place.work / stage.name
    folder.mkdir(parents=True, exist_ok=True)
    listed, done = folder / "ingredients.json", folder / "done"
    content = json.dumps(ingredients, indent=1, sort_keys=True) + "\n"
    if listed.exists() and listed.read_text(encoding="utf-8") != content:
        raise UsageError(
            f"{folder}: made of other ingredients than are given now, says its {listed.name}; "
            "take another --work, or remove this folder and those of the later stages"
        )
    if done.exists():
        place.log(f"{stage.name}: done before")
        return
    stages.write_text(listed, content.removesuffix("\n"))
    stage.make(place, folder)
    done.touch()


FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.option("--corpus", type=FOLDER, required=True, help="Folder with the text.")
@click.option(
    "--evaluation", type=FOLDER, required=True, help="Folder with the data not to be learnt from."
)
@click.option("--teacher", type=FOLDER, required=True, help="Folder of the teacher.")
@click.option(
    "--work",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder for what the stages make.",
)
@click.option(
    "--settings",
    "settings_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=Path(__file__).with_name("recipe.toml"),
    help="TOML file; the one of `tiny` unless given.",
)
def main(corpus: Path, evaluation: Path, teacher: Path, work: Path, settings_file: Path) -> None:
    """Make an encoder from text and a teacher."""
    try:
        run(
            Workplace(
                settings=settings.load(settings_file),
                corpus=corpus,
                evaluation=evaluation,
                teacher=teacher,
                work=work,
                log=click.echo,
            )
        )
    except UsageError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
