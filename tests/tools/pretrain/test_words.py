import numpy as np
import pytest
import torch
from torch import Tensor

from mtbench.api import UsageError
from mtbench_builtins.encoders.minbert import MinBert
from mtbench_builtins.encoders.parameters import MinBertParameters
from mtbench_builtins.encoders.shape import Shape
from tools.pretrain.words import SPREAD, as_text, initial_state

PIECES, WIDE = 60, 12


def vectors() -> np.ndarray:
    """Return vectors of which a few directions hold the most, as those of a teacher."""
    drawn = np.random.default_rng(0).normal(size=(PIECES, WIDE)) * 0.6 ** np.arange(WIDE)
    drawn += 0.3
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float16)


def shape(width: int) -> Shape:
    return Shape(
        vocabulary=PIECES,
        layers=2,
        width=width,
        attention_heads=2,
        intermediate=6,
        max_positions=10,
    )


def cosines(rows: Tensor) -> Tensor:
    unit = torch.nn.functional.normalize(rows.double(), dim=1)
    return unit @ unit.T


def centred() -> Tensor:
    given = torch.from_numpy(vectors().astype(np.float64))
    return given - given.mean(dim=0)


def test_embeddings_have_the_teachers_cosines_where_the_width_is_enough() -> None:
    state, _ = initial_state(shape(WIDE), vectors())
    embedded = cosines(state["embeddings.word.weight"])
    torch.testing.assert_close(embedded, cosines(centred()), rtol=0, atol=1e-5)


def test_a_narrow_student_keeps_the_most_that_it_can() -> None:
    expected = cosines(centred())
    errors = [
        (cosines(initial_state(shape(width), vectors())[0]["embeddings.word.weight"]) - expected)
        .abs()
        .mean()
        .item()
        for width in (2, 4, 8, 12)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 0.2
    assert errors[2] < 0.02


def test_axes_lead_back_to_the_teacher() -> None:
    state, axes = initial_state(shape(WIDE), vectors())
    words = state["embeddings.word.weight"]
    torch.testing.assert_close(axes.T @ axes, torch.eye(WIDE), rtol=0, atol=1e-5)
    back = (words @ axes.T).double()
    scale = back.norm() / centred().norm()
    torch.testing.assert_close(back, centred() * scale, rtol=0, atol=1e-5)


def test_axes_of_a_narrow_student_are_the_first() -> None:
    narrow, wide = (initial_state(shape(width), vectors())[1] for width in (4, WIDE))
    assert narrow.shape == (WIDE, 4)
    assert torch.equal(narrow, wide[:, :4])
    spread = (centred() @ wide.double()).std(dim=0)
    assert (spread.diff() < 0).all()


def test_a_words_embedding_is_larger_than_noise() -> None:
    state, _ = initial_state(shape(4), vectors())
    assert state["embeddings.word.weight"].std().item() == pytest.approx(SPREAD, rel=1e-5)
    assert state["embeddings.position.weight"].std().item() == pytest.approx(0.02, rel=0.5)


def test_a_state_is_all_of_minbert_but_the_pooler() -> None:
    given = {"layers": 2, "width": 4, "attention_heads": 2, "intermediate": 6}
    expected = {
        name: tuple(tensor.shape)
        for name, tensor in MinBert(MinBertParameters(**given, max_positions=10))
        .state_dict()
        .items()
        if not name.startswith("pooler.")
    }
    expected["embeddings.word.weight"] = (PIECES, 4)
    state, _ = initial_state(shape(4), vectors())
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == expected
    assert {tensor.dtype for tensor in state.values()} == {torch.float32}


def test_noise_comes_from_torchs_generator() -> None:
    states = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        states.append(initial_state(shape(4), vectors())[0])
    first, again, other = (state["layers.1.intermediate.weight"] for state in states)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    words = [state["embeddings.word.weight"] for state in states]
    assert torch.equal(words[0], words[2])


def test_a_student_wider_than_its_teacher_is_refused() -> None:
    with pytest.raises(UsageError) as refused:
        initial_state(shape(WIDE + 2), vectors())
    assert str(refused.value) == (
        "shape.width is 14; 60 vectors of the teacher, of width 12, have 12 principal components"
    )


def test_a_continuation_is_read_without_its_mark() -> None:
    assert as_text(["[PAD]", "film", "##s", "#"]) == ["[PAD]", "film", "s", "#"]
