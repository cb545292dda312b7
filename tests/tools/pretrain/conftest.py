"""A small world for the recipe: a corpus, evaluation data, a teacher and settings."""

import lzma
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from mtbench_builtins.encoders.minbert import MinBert
from mtbench_builtins.encoders.parameters import MinBertParameters
from mtbench_builtins.encoders.shape import Shape
from tools.pretrain import checkpoint, leaks
from tools.pretrain.corpus import REVIEWS, WIKIPEDIA
from tools.pretrain.settings import Settings
from tools.pretrain.stages import Workplace
from tools.pretrain.vocabulary import SPECIAL

NOUNS = ("woman", "farmer", "pilot", "doctor", "dog", "guitar", "river", "lemon", "rifle", "horse")
VERBS = ("holding", "cutting", "painting", "watching", "firing", "feeding")
PAST = ("crossed", "painted", "reached", "watched", "opened")

TEACHER = Shape(
    vocabulary=len(SPECIAL) + 2 * 26,
    layers=1,
    width=24,
    attention_heads=2,
    intermediate=32,
    max_positions=256,
)
STUDENT = {
    "layers": 1,
    "width": 16,
    "attention_heads": 2,
    "intermediate": 24,
    "max_positions": 64,
}
SETTINGS: dict[str, Any] = {
    "seed": 1,
    "vocabulary": {"pieces": 420, "texts": 300},
    "families": {"count": 40, "words": [4, 12], "frame_words": 4, "replacements": 100},
    "clauses": {"count": 20, "frame_words": 4, "fewest": 2},
    "shape": STUDENT,
    "mlm": {
        "steps": 6,
        "batch_size": 8,
        "lr": 1e-3,
        "save_every": 4,
        "texts": 100,
        "masked": 0.15,
    },
    "distil": {
        "steps": 10,
        "batch_size": 16,
        "lr": 1e-3,
        "save_every": 4,
        "vector": 1,
        "relation": 2,
        "family": 1,
    },
}


def sentence(rng: random.Random) -> str:
    """Return a made-up sentence of plain words."""
    if rng.random() < 0.5:
        return f"The {rng.choice(NOUNS)} is {rng.choice(VERBS)} the {rng.choice(NOUNS)}."
    first, second = rng.choice(NOUNS), rng.choice(NOUNS)
    return f"A {first} {rng.choice(PAST)} the {second} in {rng.randrange(1900, 2000)}."


def letters() -> list[str]:
    """Return WordPieces with which every word of plain letters can be written."""
    alphabet = "abcdefghijklmnopqrstuvwxyz"
    return [*SPECIAL, *alphabet, *(f"##{letter}" for letter in alphabet)]


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Several threads may add numbers up in another order, and then bits differ."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def write_corpus(folder: Path, articles: Sequence[str], reviews: Sequence[str]) -> Path:
    """Write a corpus and return its folder."""
    folder.mkdir()
    for name, text in ((WIKIPEDIA, "\n\n".join(articles)), (REVIEWS, "\n".join(reviews))):
        with lzma.open(folder / name, "wt", encoding="utf-8") as stream:
            stream.write(text + "\n")
    return folder


@pytest.fixture(scope="session")
def write_evaluation() -> Callable[..., Path]:
    """Give a function that writes evaluation data and returns their folder.

    It takes texts by the name of a file without its ending; what is not named holds a text
    that no corpus has.
    """

    def write(folder: Path, texts: Mapping[str, Sequence[str]] | None = None) -> Path:
        folder.mkdir(exist_ok=True)
        for name, columns in leaks.TEXTS.items():
            for split in leaks.SPLITS:
                file = f"{name}-{split}"
                lines = ["\t".join(("id", *columns))]
                for i, text in enumerate((texts or {}).get(file, [f"nothing of {file}"])):
                    lines.append("\t".join((str(i), *[text] * len(columns))))
                (folder / f"{file}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return folder

    return write


def random_state(shape: Shape) -> dict[str, Tensor]:
    """Return random weights of a shape, under minBERT's names."""
    sizes = ("layers", "width", "attention_heads", "intermediate", "max_positions")
    parameters = MinBertParameters(**{size: getattr(shape, size) for size in sizes})
    state = MinBert(parameters).state_dict()
    state["embeddings.word.weight"] = torch.empty(shape.vocabulary, shape.width)
    generator = torch.Generator().manual_seed(0)
    return {
        # Norms about 1, or nothing of the text would be left in the states.
        name: torch.randn(tensor.shape, generator=generator) * 0.3 + ("norm.weight" in name)
        for name, tensor in state.items()
    }


@pytest.fixture(scope="session")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small teacher of random weights, which reads letter by letter."""
    folder = tmp_path_factory.mktemp("teacher")
    checkpoint.write(folder, TEACHER, letters(), random_state(TEACHER))
    return folder


@pytest.fixture(scope="session")
def world(
    tmp_path_factory: pytest.TempPathFactory,
    teacher: Path,
    write_evaluation: Callable[..., Path],
) -> Callable[..., Workplace]:
    """Give a function that returns a workplace, with the settings of some sections changed."""
    folder = tmp_path_factory.mktemp("world")
    rng = random.Random(0)
    articles = [" ".join(sentence(rng) for _ in range(6)) for _ in range(60)]
    reviews = [" ".join(sentence(rng) for _ in range(4)) for _ in range(40)]
    corpus = write_corpus(folder / "corpus", articles, reviews)
    evaluation = write_evaluation(folder / "evaluation", {"quora-dev": [sentence(rng)]})

    def place(work: Path, **changes: Mapping[str, Any]) -> Workplace:
        sections = {
            name: section | changes.get(name, {}) if isinstance(section, dict) else section
            for name, section in SETTINGS.items()
        }
        settings = Settings.model_validate(sections)
        return Workplace(settings, corpus, evaluation, teacher, work, log=lambda line: None)

    return place
