"""Stages that train: first weights, masked language model, distillation."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from mtbench.api import derive, stream
from mtbench_builtins.encoders.shape import Shape
from tools.pretrain import checkpoint, families, words
from tools.pretrain.distil import Distillation
from tools.pretrain.mlm import MaskedLanguageModel
from tools.pretrain.stages import Workplace
from tools.pretrain.teacher import Teacher, read_vectors
from tools.pretrain.training import fit

MAX_TOKENS = 64
"""Tokens of a training text; a longer one is cut."""

Item = TypeVar("Item")


def first_weights(place: Workplace, folder: Path) -> None:
    """Make the student: word embeddings by the teacher, the rest at random."""
    vocabulary = place.vocabulary()
    shape = Shape(vocabulary=len(vocabulary), **place.settings.shape.model_dump())
    vectors = Teacher(place.teacher).vectors(words.as_text(vocabulary))
    torch.manual_seed(derive(place.settings.seed, "words"))
    state, axes = words.initial_state(shape, vectors)
    checkpoint.write(folder / "student", shape, vocabulary, state)
    torch.save(axes, folder / "axes.pt")


def language_model(place: Workplace, folder: Path) -> None:
    """Train the student to tell masked words."""
    given = place.settings.mlm
    encoder, tokenizer = checkpoint.read(place.work / "words" / "student", MAX_TOKENS)
    torch.manual_seed(derive(place.settings.seed, "mlm", "head"))
    model = MaskedLanguageModel(encoder, given.masked)
    texts = place.sentences(given.texts, "mlm", "texts")
    sequences = tokenizer.encode([(text,) for text in texts])
    batches = _Batches(sequences, given.batch_size, place.settings.seed, "mlm")

    def loss(step: int) -> Tensor:
        return model.loss(batches[step])

    seed = derive(place.settings.seed, "mlm", "steps")
    save = folder / "save.pt"
    fit(model, loss, given, seed=seed, save=save, log=_prefixed(place, "mlm"))
    _hand_on(place, encoder.state_dict(), folder / "student")
    save.unlink(missing_ok=True)


def distillation(place: Workplace, folder: Path) -> None:
    """Train the student to agree with the teacher, and write the encoder."""
    given = place.settings.distil
    encoder, tokenizer = checkpoint.read(place.work / "mlm" / "student", MAX_TOKENS)
    axes = torch.load(place.work / "words" / "axes.pt", weights_only=True)
    model = Distillation(encoder, axes, given)
    vectors = read_vectors(place.work / "teacher" / "vectors")
    sequences = tokenizer.encode([(text,) for text in place.texts()])
    members = [range(i, i + families.SIZE) for i in range(0, len(sequences), families.SIZE)]
    batches = _Batches(members, given.batch_size // families.SIZE, place.settings.seed, "distil")

    def loss(step: int) -> Tensor:
        chosen = [i for family in batches[step] for i in family]
        target = torch.from_numpy(vectors[chosen].astype(np.float32))
        return model.loss([sequences[i] for i in chosen], target, families.SIZE)

    seed = derive(place.settings.seed, "distil", "steps")
    save = folder / "save.pt"
    fit(model, loss, given, seed=seed, save=save, log=_prefixed(place, "distil"))
    _hand_on(place, encoder.state_dict(), folder / "tiny", torch.float16)
    save.unlink(missing_ok=True)


class _Batches(Generic[Item]):
    """Batches of an endless series of passes over items, each pass in an order of its own.

    A batch is a function of its number: where a training was interrupted leaves no trace.
    """

    def __init__(self, items: Sequence[Item], size: int, seed: int, purpose: str) -> None:
        self._items, self._purpose = items, (seed, purpose, "pass")
        self._size = min(size, len(items))
        self._a_pass = len(items) // self._size
        self._pass, self._order = -1, list(range(len(items)))

    def __getitem__(self, number: int) -> list[Item]:
        turn, place = divmod(number, self._a_pass)
        if turn != self._pass:
            self._pass, self._order = turn, list(range(len(self._items)))
            stream(*self._purpose, turn).shuffle(self._order)
        start = place * self._size
        return [self._items[i] for i in self._order[start : start + self._size]]


def _prefixed(place: Workplace, name: str) -> Callable[[str], None]:
    return lambda line: place.log(f"{name}: {line}")


def _hand_on(
    place: Workplace, state: dict[str, Tensor], folder: Path, dtype: torch.dtype = torch.float32
) -> None:
    """Write a student with new weights; shape and vocabulary are what they were."""
    vocabulary = place.vocabulary()
    shape = Shape(vocabulary=len(vocabulary), **place.settings.shape.model_dump())
    checkpoint.write(folder, shape, vocabulary, state, dtype)
