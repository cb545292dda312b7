"""The heads: which tasks they take, values worked by hand, first weights and dropout."""

from collections.abc import Mapping
from math import tanh
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtbench.api import Cell, Component, HeadParameters, HeadSpec, TaskInfo
from mtbench.specs import resolve
from mtbench_builtins.heads import mtbench_heads

TASKS: Mapping[str, TaskInfo] = {
    "classes": TaskInfo(sentences=1, loss="cross-entropy", metrics=("accuracy",), classes=5),
    "score": TaskInfo(
        sentences=1, loss="squared-error", metrics=("pearson",), score_range=(0.0, 5.0)
    ),
    "pair-classes": TaskInfo(
        sentences=2, loss="binary-cross-entropy", metrics=("accuracy",), classes=2
    ),
    "pair-of-three": TaskInfo(sentences=2, loss="cross-entropy", metrics=("accuracy",), classes=3),
    "pair-score": TaskInfo(
        sentences=2, loss="squared-error", metrics=("pearson",), score_range=(0.0, 5.0)
    ),
    "pair-score-from-1": TaskInfo(
        sentences=2, loss="squared-error", metrics=("pearson",), score_range=(1.0, 4.0)
    ),
}
FITTING = [
    ("linear", "classes", "separate"),
    ("linear", "score", "separate"),
    ("linear", "pair-classes", "separate"),
    ("linear", "pair-classes", "joined"),
    ("linear", "pair-score-from-1", "joined"),
    ("scaled-linear", "score", "separate"),
    ("scaled-linear", "pair-score", "separate"),
    ("scaled-linear", "pair-score", "joined"),
    ("cosine", "pair-score-from-1", "separate"),
    ("relu-cosine", "pair-score", "separate"),
    ("abs-diff", "pair-classes", "separate"),
    ("abs-diff", "pair-score-from-1", "separate"),
    ("bilinear", "pair-of-three", "separate"),
    ("bilinear", "pair-score", "separate"),
    ("mlp", "classes", "separate"),
    ("mlp", "pair-classes", "separate"),
    ("mlp", "pair-score", "joined"),
]
"""Head, task and pair that go together."""

fitting = pytest.mark.parametrize(("name", "task", "pair"), FITTING)


def spec_of(name: str) -> HeadSpec:
    return next(spec for spec in mtbench_heads() if spec.name == name)


def head_of(name: str, task: str, width: int = 4, *, state: Any = None, **given: Any) -> nn.Module:
    """Return a head with weights of a seed, or those of a state."""
    torch.manual_seed(0)
    model = resolve(spec_of(name).parameters or HeadParameters)
    parameters = model.model_validate({"dropout": 0.0, **given})
    head: nn.Module = resolve(spec_of(name).target)(width, TASKS[task], parameters)
    if state:
        head.load_state_dict({key: torch.tensor(value) for key, value in state.items()})
    return head


def embeddings_of(task: str, pair: str) -> list[Tensor]:
    """Return embeddings at acute angles, so that no relu hides anything."""
    generator = torch.Generator().manual_seed(1)
    count = TASKS[task].embeddings("joined" if pair == "joined" else "separate")
    return [torch.randn(6, 4, generator=generator).abs() for _ in range(count)]


def reason(name: str, task: str, pair: str) -> str | None:
    parameters = {"pooling": None, "pair": pair, "dropout": 0.1}
    cell = Cell(
        tasks={task: TASKS[task]},
        encoder=Component("minbert"),
        heads={task: Component(name, parameters)},
        balancer=Component("cycle"),
        combiner=Component("sum"),
        train={},
    )
    rejects = spec_of(name).rejects
    return rejects(cell, task) if rejects else None


# --- what fits --------------------------------------------------------------------------------


def test_every_head_is_tried() -> None:
    assert {name for name, *_ in FITTING} == {spec.name for spec in mtbench_heads()}


@fitting
def test_a_head_that_fits_is_taken_and_is_symmetric_where_it_promises(
    name: str, task: str, pair: str
) -> None:
    assert reason(name, task, pair) is None
    head, given = head_of(name, task, pair=pair), embeddings_of(task, pair)
    found = head(*given)
    assert found.shape == {"classes": (6, 5), "pair-of-three": (6, 3)}.get(task, (6,))
    same = torch.allclose(found, head(*reversed(given)))
    assert same == ("symmetric" in spec_of(name).promises or len(given) == 1)


@fitting
def test_dropout_is_on_every_embedding(name: str, task: str, pair: str) -> None:
    """Of a sentence, what is dropped has no gradient, and what is kept beside it has one."""
    given = [u.requires_grad_() for u in embeddings_of(task, pair)]
    head = head_of(name, task, pair=pair, dropout=0.5)
    outputs = head(*given)
    for gradient in torch.autograd.grad(outputs.sum(), given):
        zero = gradient == 0
        assert (zero.any(dim=1) & ~zero.all(dim=1)).any()
    assert not torch.equal(head(*given), outputs)
    plain = head_of(name, task, pair=pair, dropout=None)
    assert torch.equal(plain(*given), plain(*given))
    assert torch.equal(head.eval()(*given), plain(*given))


@pytest.mark.parametrize(
    ("name", "task", "pair", "expected"),
    [
        ("scaled-linear", "classes", "separate", "it predicts a score, and classes has classes"),
        ("cosine", "classes", "separate", "a cosine needs two sentences, and classes has one"),
        ("cosine", "score", "separate", "a cosine needs two sentences, and score has one"),
        ("cosine", "pair-classes", "separate", "it predicts a score, and pair-classes has class"),
        ("cosine", "pair-score", "joined", 'a cosine needs an embedding a sentence: pair = "se'),
        ("relu-cosine", "score", "separate", "a cosine needs two sentences"),
        ("relu-cosine", "pair-score", "joined", "a cosine needs an embedding a sentence"),
        (
            "relu-cosine",
            "pair-score-from-1",
            "separate",
            "it predicts 0 or more, and the lowest score of pair-score-from-1 is 1",
        ),
        ("abs-diff", "classes", "separate", "it compares two sentences, and classes has one"),
        ("abs-diff", "pair-classes", "joined", "it compares the embeddings of two sentences: pa"),
        ("bilinear", "score", "separate", "it compares two sentences, and score has one"),
        ("bilinear", "pair-score", "joined", "it compares the embeddings of two sentences: pair"),
    ],
)
def test_a_head_that_does_not_fit_says_why(name: str, task: str, pair: str, expected: str) -> None:
    assert str(reason(name, task, pair)).startswith(expected)


@pytest.mark.parametrize("name", ["scaled-linear", "relu-cosine"])
def test_classes_are_a_bug(name: str) -> None:
    with pytest.raises(ValueError, match="a task with a score"):
        head_of(name, "pair-classes")


# --- values -----------------------------------------------------------------------------------

PAIRS = ([[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0], [0.0, -1.0]])
ANGLES = (
    [[1.0, 0.0], [1.0, 1.0], [3.0, 4.0], [1.0, 2.0]],
    [[0.0, 2.0], [2.0, 2.0], [4.0, 3.0], [-1.0, -2.0]],
)
SIDE_BY_SIDE = {"projection.weight": [[1.0, 2.0, 3.0, 4.0]], "projection.bias": [0.5]}


@pytest.mark.parametrize(
    ("name", "state", "given", "expected"),
    [
        ("linear", SIDE_BY_SIDE, PAIRS, [8.5, -1.5]),  # W (u, v) + b
        ("scaled-linear", SIDE_BY_SIDE, PAIRS, [42.5, -7.5]),  # 5 times that
        ("cosine", {}, ANGLES, [0.0, 1.0, 0.96, -1.0]),
        ("relu-cosine", {}, ANGLES, [0.0, 5.0, 4.8, 0.0]),
        (
            "abs-diff",  # 1 * 1 + 3 * 1 + 4 * 1 + 6 * 1 + 0.5, and -4 * 1 + 2 * 1 + 6 * 2 + 0.5
            {"projection.weight": [[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]], "projection.bias": [0.5]},
            PAIRS,
            [14.5, 10.5],
        ),
        (
            "bilinear",  # of (1, 2) and (3, 4): (1*3 + 2*1*4 + 3*2*3 + 4*2*4) / 2 + 0.5
            {"form.weight": [[1.0, 2.0], [3.0, 4.0]], "bias": [0.5]},
            ([[1.0, 2.0], [1.0, 0.0]], [[3.0, 4.0], [0.0, 1.0]]),
            [31.0, 1.5],
        ),
        (
            "mlp",  # 2 tanh(u + v) + 10 tanh(u - v + 0.5) + 1
            {
                "hidden.weight": [[1.0, 1.0], [1.0, -1.0]],
                "hidden.bias": [0.0, 0.5],
                "projection.weight": [[2.0, 10.0]],
                "projection.bias": [1.0],
            },
            ([[1.0], [0.0]], [[1.0], [0.5]]),
            [2 * tanh(2) + 10 * tanh(0.5) + 1, 2 * tanh(0.5) + 1],
        ),
    ],
)
def test_values_by_hand(name: str, state: Any, given: Any, expected: list[float]) -> None:
    more = {"hidden": 2} if name == "mlp" else {}
    head = head_of(name, "pair-score", len(given[0][0]), state=state, **more)
    assert head(*map(torch.tensor, given)).tolist() == pytest.approx(expected, abs=1e-6)
    assert head.state_dict().keys() == state.keys()


def test_the_top_of_the_range_is_the_factor() -> None:
    scaled = head_of("scaled-linear", "pair-score-from-1", 2, state=SIDE_BY_SIDE)
    assert scaled(*map(torch.tensor, PAIRS)).tolist() == [34.0, -6.0]


def test_bilinear_is_torchs_form_over_the_width() -> None:
    head = head_of("bilinear", "pair-of-three", 5)
    u, v = torch.randn(2, 7, 5)
    weight = head.form.weight.unflatten(0, (3, 5))
    torch.testing.assert_close(head(u, v), F.bilinear(u, v, weight / 5))


def test_a_zero_vector_has_the_cosine_0_and_finite_gradients() -> None:
    u = torch.zeros(2, 2, requires_grad=True)
    v = torch.tensor([[1.0, 2.0], [0.0, 0.0]], requires_grad=True)
    cosine = head_of("cosine", "pair-score")(u, v)
    assert cosine.tolist() == [0.0, 0.0]
    for gradient in torch.autograd.grad(cosine.sum(), (u, v)):
        assert gradient.isfinite().all()


def test_a_negative_cosine_gets_no_gradient() -> None:
    u = torch.tensor([[1.0, 0.0], [1.0, 0.0]], requires_grad=True)
    outputs = head_of("relu-cosine", "pair-score")(u, torch.tensor([[-1.0, 1.0], [1.0, 1.0]]))
    (gradient,) = torch.autograd.grad(outputs.sum(), u)
    assert gradient[0].tolist() == [0.0, 0.0]
    assert gradient[1, 1].item() == pytest.approx(5 / 2**0.5)


def test_both_sentences_and_both_layers_have_dropout_of_their_own() -> None:
    u = torch.randn(20, 16)
    assert (head_of("cosine", "pair-score", dropout=0.5)(u, u) < 0.99).any()
    mlp = head_of("mlp", "classes", hidden=1000, dropout=0.5)
    with torch.no_grad():  # what is dropped before the first layer makes no difference
        mlp.hidden.weight.zero_()
        mlp.hidden.bias.fill_(1.0)
    assert not torch.equal(mlp(torch.ones(1, 4)), mlp(torch.ones(1, 4)))


# --- first weights ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "task", "given", "shapes"),
    [
        ("linear", "classes", {}, [(5, 8), (5,)]),
        ("linear", "pair-score", {}, [(1, 16), (1,)]),
        ("linear", "pair-score", {"pair": "joined"}, [(1, 8), (1,)]),
        ("abs-diff", "pair-classes", {}, [(1, 24), (1,)]),
        ("bilinear", "pair-score", {}, [(1,), (8, 8)]),
        ("mlp", "classes", {}, [(8, 8), (8,), (5, 8), (5,)]),
        ("mlp", "classes", {"hidden": 3}, [(3, 8), (3,), (5, 3), (5,)]),
        ("mlp", "pair-score", {}, [(8, 16), (8,), (1, 8), (1,)]),
        ("mlp", "pair-score", {"pair": "joined", "hidden": 20}, [(20, 8), (20,), (1, 20), (1,)]),
    ],
)
def test_shapes_of_the_parameters(name: str, task: str, given: Any, shapes: list[Any]) -> None:
    assert [tuple(p.shape) for p in head_of(name, task, 8, **given).parameters()] == shapes


def test_initial_weights_are_torchs_own() -> None:
    head = head_of("linear", "classes", 8)
    torch.manual_seed(0)
    reference = nn.Linear(8, 5)
    assert torch.equal(head.projection.weight, reference.weight)
    assert torch.equal(head.projection.bias, reference.bias)


@pytest.mark.parametrize("width", [16, 128, 768])
def test_first_outputs_of_bilinear_have_one_spread_at_every_width(width: int) -> None:
    generator = torch.Generator().manual_seed(0)
    u, v = torch.randn(2, 2000, width, generator=generator)
    spread = head_of("bilinear", "pair-score", width)(u, v).std().item()
    assert spread == pytest.approx(3**-0.5, rel=0.15)


@pytest.mark.parametrize("width", [16, 768])
def test_a_step_of_adam_moves_bilinear_no_further_than_a_projection(width: int) -> None:
    def moved(module: nn.Module, *given: Tensor) -> float:
        optimizer = torch.optim.Adam([p for p in module.parameters() if p.ndim > 1], lr=1e-3)
        before = module(*given).sum()
        before.backward()
        optimizer.step()
        return float((module(*given).sum() - before).abs().item())

    u, v = torch.ones(2, 1, width)
    by_form = moved(head_of("bilinear", "pair-score", width), u, v)
    assert by_form == pytest.approx(1e-3 * width, rel=1e-2)
    assert moved(nn.Linear(width, 1), u) == pytest.approx(by_form, rel=1e-2)


def test_bilinear_computes_in_half_precision() -> None:
    """Not only takes it: ``nn.Bilinear`` takes no part in autocast."""
    head = head_of("bilinear", "pair-score", 16)
    u, v = torch.randn(2, 6, 16)
    with torch.autocast("cpu", torch.bfloat16):
        half = head(u.bfloat16(), v.bfloat16())
    half.float().sum().backward()
    torch.testing.assert_close(half.float(), head(u, v), rtol=0.05, atol=0.05)
    assert head.form.weight.grad is not None
