import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mtbench.api import Tokens
from mtbench_builtins.encoders.shape import Shape
from tools.pretrain import checkpoint, recipe, trainings
from tools.pretrain.distil import Distillation
from tools.pretrain.families import SIZE
from tools.pretrain.stages import Workplace
from tools.pretrain.teacher import Teacher, read_vectors
from tools.pretrain.trainings import _Batches
from tools.pretrain.words import as_text

World = Callable[..., Workplace]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, world: World) -> Workplace:
    """A workplace where every stage is done; nobody may change it."""
    place = world(tmp_path_factory.mktemp("work"))
    recipe.run(place)
    return place


# --- batches ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("items", "size", "a_pass"), [(12, 3, 4), (14, 4, 3), (5, 5, 1)])
def test_a_pass_takes_no_item_twice(items: int, size: int, a_pass: int) -> None:
    batches = _Batches(range(items), size, 0, "a test")
    for turn in range(3):
        taken = [item for i in range(a_pass) for item in batches[turn * a_pass + i]]
        assert len(taken) == len({*taken}) == a_pass * size
        assert {*taken} <= {*range(items)}


def test_each_pass_has_an_order_of_its_own() -> None:
    batches = _Batches(range(100), 100, 0, "a test")
    assert batches[0] != batches[1]
    assert sorted(batches[0]) == sorted(batches[1]) == list(range(100))
    assert batches[0] != _Batches(range(100), 100, 1, "a test")[0]
    assert batches[0] != _Batches(range(100), 100, 0, "another")[0]


def test_a_batch_is_a_function_of_its_number() -> None:
    straight = _Batches(range(20), 3, 0, "a test")
    expected = [straight[i] for i in range(30)]
    jumping = _Batches(range(20), 3, 0, "a test")
    assert [jumping[i] for i in reversed(range(30))] == expected[::-1]


def test_a_batch_is_no_larger_than_the_items() -> None:
    batches = _Batches(range(3), 8, 0, "a test")
    assert [sorted(batches[i]) for i in range(3)] == [[0, 1, 2]] * 3


# --- what they leave --------------------------------------------------------------------------


def test_first_words_are_the_teachers(made: Workplace) -> None:
    encoder, _ = checkpoint.read(made.work / "words" / "student")
    vectors = Teacher(made.teacher).vectors(as_text(made.vocabulary()))
    centred = torch.from_numpy(vectors).double()
    centred -= centred.mean(dim=0)
    axes = torch.load(made.work / "words" / "axes.pt", weights_only=True)
    assert axes.shape == (24, 16)
    words = encoder.embeddings.word.weight.detach()
    expected = centred @ axes.double()
    similarity = torch.cosine_similarity(words.double().flatten(), expected.flatten(), dim=0)
    assert similarity.item() == pytest.approx(1, abs=1e-6)


def test_each_training_changes_the_student(made: Workplace) -> None:
    folders = ("words/student", "mlm/student", "distil/tiny")
    weights = [
        checkpoint.read(made.work / folder)[0].layers[0].output.weight for folder in folders
    ]
    assert not torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[1], weights[2])


def test_the_encoder_is_as_the_settings_say(made: Workplace) -> None:
    folder = made.work / "distil" / "tiny"
    config = json.loads((folder / "config.json").read_text())
    vocabulary = made.vocabulary()
    shape = Shape(vocabulary=len(vocabulary), **made.settings.shape.model_dump())
    assert config["hidden_size"] == shape.width == 16
    assert config["vocab_size"] == len(vocabulary)
    assert config["torch_dtype"] == "float16"
    assert (folder / "vocab.txt").read_text(encoding="utf-8").split("\n")[:-1] == vocabulary


def test_no_steps_leave_the_first_weights(tmp_path: Path, world: World) -> None:
    place = world(tmp_path, mlm={"steps": 0}, distil={"steps": 0})
    recipe.run(place)
    first, last = (
        checkpoint.read(place.work / folder)[0].state_dict()
        for folder in ("words/student", "distil/tiny")
    )
    for name, weight in first.items():
        if not name.startswith("pooler."):
            torch.testing.assert_close(last[name], weight, rtol=2**-11, atol=1e-7)


def test_a_batch_holds_whole_families_with_their_vectors(
    tmp_path: Path, world: World, made: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[list[Tokens], Tensor]] = []
    original = Distillation.loss

    def watched(self: Distillation, sequences: list[Tokens], vectors: Tensor, size: int) -> Tensor:
        assert size == SIZE
        seen.append((sequences, vectors))
        return original(self, sequences, vectors, size)

    monkeypatch.setattr(Distillation, "loss", watched)
    recipe.run(world(tmp_path, distil={"steps": 2}))
    _, tokenizer = checkpoint.read(made.work / "mlm" / "student")
    encoded = tokenizer.encode([(text,) for text in made.texts()])
    taught = torch.from_numpy(read_vectors(made.work / "teacher" / "vectors")).float()
    for sequences, vectors in seen:
        assert len(sequences) == len(vectors) == made.settings.distil.batch_size == 16
        for i in range(0, 16, SIZE):
            places = [
                j
                for j in range(0, len(encoded), SIZE)
                if encoded[j : j + SIZE] == sequences[i : i + SIZE]
                and torch.equal(taught[j : j + SIZE], vectors[i : i + SIZE])
            ]
            assert len(places) == 1


def test_distillation_brings_the_student_closer(tmp_path: Path, world: World) -> None:
    lines: list[str] = []
    place = world(tmp_path, distil={"steps": 400, "lr": 3e-3, "save_every": 400})
    recipe.run(Workplace(**{**vars(place), "log": lines.append}))
    losses = [float(line.rpartition(" ")[2]) for line in lines if line.startswith("distil: step")]
    assert len(losses) == 4
    assert losses[-1] < losses[0] / 2


def test_texts_of_a_training_are_cut(made: Workplace) -> None:
    _, tokenizer = checkpoint.read(made.work / "mlm" / "student", trainings.MAX_TOKENS)
    assert len(tokenizer.encode([("guitar " * 200,)])[0].ids) == trainings.MAX_TOKENS
