"""The comparison is one of the same work: same losses, same gradients, same predictions."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice, permutations, product
from typing import Any

import pytest
import torch
from torch import Tensor

from contenders import CONTENDERS, OUR_SUM, Contender
from contenders.adamw import AdamW
from contenders.hugging_face import HuggingFace

Gradients = Mapping[str, Tensor]

BATCH_SIZE = 8

# Without dropout, attention takes a path that torch has not batched; TorchJD says so each time.
pytestmark = pytest.mark.filterwarnings("ignore:There is a performance drop:UserWarning")


@pytest.fixture(scope="module")
def quiet(work: Callable[..., Any]) -> Any:
    """Two steps without dropout."""
    return work(BATCH_SIZE, 2, 0.0)


@pytest.fixture(scope="module")
def taken(quiet: Any) -> Any:
    """The examples of the first step."""
    return next(quiet.draws())


@pytest.fixture(scope="module")
def apart(quiet: Any, taken: Any) -> list[Gradients]:
    """Each task's gradient, of a ``BertModel`` that takes no step."""
    reference = HuggingFace(quiet)
    gradients = []
    for loss in reference.losses(taken).values():
        reference.optimizer.zero_grad()
        loss.backward(retain_graph=True)
        gradients.append({name: g.clone() for name, g in reference.gradients().items()})
    return gradients


@pytest.fixture(scope="module")
def stepped(quiet: Any, taken: Any) -> Callable[[str], tuple[Contender, dict[str, float]]]:
    """Give a function that builds a contender and lets it take the first step."""

    def step(name: str) -> tuple[Contender, dict[str, float]]:
        if reason := CONTENDERS[name].missing():
            pytest.skip(reason)
        contender = CONTENDERS[name].build(quiet)
        return contender, contender.step(taken)

    return step


def combined(gradients: Sequence[Gradients], weights: Sequence[float]) -> dict[str, Tensor]:
    """Return a weighted sum; a missing gradient counts nothing."""
    result: dict[str, Tensor] = {}
    for weight, of_task in zip(weights, gradients, strict=True):
        for name, gradient in of_task.items():
            result[name] = result.get(name, 0) + weight * gradient
    return result


def distance(found: Gradients, expected: Gradients) -> float:
    """Return how far two gradients are apart, over the length of the second."""
    assert found.keys() == expected.keys()
    apart = sum((found[name] - g).double().square().sum() for name, g in expected.items())
    length = sum(g.double().square().sum() for g in expected.values())
    return float((apart / length).sqrt())


def closest(found: Gradients, candidates: Iterable[Gradients]) -> float:
    """Return the distance to the closest of them; one of them is in memory at a time."""
    return min(distance(found, candidate) for candidate in candidates)


def surgeries(gradients: Sequence[Gradients]) -> set[tuple[float, ...]]:
    """Return the weights of PCGrad's sum, for every choice of orders (Yu et al. 2020)."""
    inner = [
        [sum(float((g * b[n]).sum()) for n, g in a.items() if n in b) for b in gradients]
        for a in gradients
    ]
    tasks = range(len(gradients))
    found = set()
    for orders in product(permutations(tasks), repeat=len(gradients)):
        weights = [0.0] * len(gradients)
        for task, order in zip(tasks, orders, strict=True):
            own = [float(other == task) for other in tasks]
            for other in order:
                conflict = sum(own[k] * inner[k][other] for k in tasks)
                if other != task and conflict < 0:
                    own[other] -= conflict / inner[other][other]
            weights = [w + o for w, o in zip(weights, own, strict=True)]
        found.add(tuple(round(weight, 9) for weight in weights))
    return found


def shared(gradients: Gradients) -> dict[str, Tensor]:
    """Return the encoder's part: the heads' begins with the name of a task."""
    return {n: g for n, g in gradients.items() if not n.startswith(("sst.", "pd.", "sts."))}


@pytest.mark.parametrize("name", CONTENDERS)
def test_all_have_the_same_losses(name: str, quiet: Any, taken: Any, stepped: Any) -> None:
    _, losses = stepped(name)
    with torch.no_grad():
        expected = HuggingFace(quiet).losses(taken)
    assert losses == pytest.approx({t: loss.item() for t, loss in expected.items()}, abs=1e-4)


def test_ours_goes_on_with_the_examples_that_the_others_are_given(quiet: Any) -> None:
    ours, theirs = (CONTENDERS[name].build(quiet) for name in (OUR_SUM, "transformers-sum"))
    for taken in islice(quiet.draws(), 2):
        assert ours.step(taken) == pytest.approx(theirs.step(taken), abs=1e-3)


@pytest.mark.parametrize("name", [n for n, e in CONTENDERS.items() if e.combines == "sum"])
def test_sums_of_gradients_agree(name: str, apart: list[Gradients], stepped: Any) -> None:
    contender, _ = stepped(name)
    assert distance(contender.gradients(), combined(apart, [1.0] * 3)) < 1e-4


@pytest.mark.parametrize("name", [n for n, e in CONTENDERS.items() if e.combines == "pcgrad"])
def test_surgery_is_that_of_the_paper(name: str, apart: list[Gradients], stepped: Any) -> None:
    """Over the shared parameters, in one of the possible orders; heads keep their own."""
    contender, _ = stepped(name)
    encoder = [shared(of_task) for of_task in apart]
    heads = {n: g for of_task in apart for n, g in of_task.items() if n not in shared(of_task)}
    expected = (combined(encoder, weights) | heads for weights in surgeries(encoder))
    assert closest(contender.gradients(), expected) < 1e-4


def test_the_wrappers_surgery_is_that_of_the_paper(apart: list[Gradients], stepped: Any) -> None:
    """Over all parameters, heads among them."""
    contender, _ = stepped("plain-pcgrad")
    expected = (combined(apart, weights) for weights in surgeries(apart))
    assert closest(contender.gradients(), expected) < 1e-4


def test_there_is_a_conflict_to_operate_on(apart: list[Gradients]) -> None:
    encoder = [shared(of_task) for of_task in apart]
    assert any(weights != (1.0, 1.0, 1.0) for weights in surgeries(encoder))


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_the_optimizer_written_by_hand_is_adamw(decay: float) -> None:
    torch.manual_seed(0)
    ours = [torch.nn.Parameter(torch.randn(5, 3)), torch.nn.Parameter(torch.randn(4))]
    theirs = [torch.nn.Parameter(p.detach().clone()) for p in ours]
    optimizers = [
        AdamW(ours, lr=1e-2, weight_decay=decay),
        torch.optim.AdamW(theirs, lr=1e-2, weight_decay=decay),
    ]
    for _ in range(5):
        for own, other in zip(ours, theirs, strict=True):
            own.grad = torch.randn(own.shape)
            other.grad = own.grad.clone()
        for optimizer in optimizers:
            optimizer.step()
    for own, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(own, other)
