import subprocess
import sys
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn

from mtbench.api import HeadParameters, HeadSpec, TaskInfo
from mtbench.specs import resolve
from mtbench_builtins.heads import mtbench_heads

FITTING = [
    ("linear", "classes", "separate", (6, 5)),
    ("linear", "score", "separate", (6,)),
    ("linear", "pair-classes", "separate", (6,)),
    ("linear", "pair-classes", "joined", (6,)),
    ("linear", "pair-score", "separate", (6,)),
    ("scaled-linear", "score", "separate", (6,)),
    ("scaled-linear", "pair-score", "separate", (6,)),
    ("scaled-linear", "pair-score", "joined", (6,)),
    ("cosine", "pair-score", "separate", (6,)),
    ("relu-cosine", "pair-score", "separate", (6,)),
    ("abs-diff", "pair-classes", "separate", (6,)),
    ("abs-diff", "pair-score", "separate", (6,)),
    ("bilinear", "pair-classes", "separate", (6,)),
    ("bilinear", "pair-score", "separate", (6,)),
    ("mlp", "classes", "separate", (6, 5)),
    ("mlp", "score", "separate", (6,)),
    ("mlp", "pair-classes", "separate", (6,)),
    ("mlp", "pair-score", "joined", (6,)),
]
"""Head, task, pair, and the shape of what it gives for six examples."""

fitting = pytest.mark.parametrize(("name", "task", "pair", "shape"), FITTING)


def spec_of(name: str) -> HeadSpec:
    return next(spec for spec in mtbench_heads() if spec.name == name)


def head_of(name: str, task: TaskInfo, pair: str, dropout: float | None = 0.0) -> nn.Module:
    torch.manual_seed(0)
    model = resolve(spec_of(name).parameters or HeadParameters)
    parameters = model.model_validate({"pair": pair, "dropout": dropout})
    head: nn.Module = resolve(spec_of(name).target)(4, task, parameters)
    return head


def embeddings_of(task: TaskInfo, pair: str, examples: int = 6) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    count = task.embeddings("joined" if pair == "joined" else "separate")
    return [torch.randn(examples, 4, generator=generator) for _ in range(count)]


def test_every_head_is_tried() -> None:
    assert {name for name, *_ in FITTING} == {spec.name for spec in mtbench_heads()}


def test_one_of_them_gives_shares() -> None:
    assert [spec.name for spec in mtbench_heads() if spec.output == "unit"] == ["cosine"]


@fitting
def test_shapes(
    tasks: Mapping[str, TaskInfo], name: str, task: str, pair: str, shape: tuple[int, ...]
) -> None:
    given = embeddings_of(tasks[task], pair)
    assert head_of(name, tasks[task], pair)(*given).shape == shape
    [one] = head_of(name, tasks[task], pair)(*embeddings_of(tasks[task], pair, 1))
    assert one.shape == shape[1:]


@fitting
def test_the_gradient_reaches_every_sentence(
    tasks: Mapping[str, TaskInfo], name: str, task: str, pair: str, shape: tuple[int, ...]
) -> None:
    given = embeddings_of(tasks[task], pair)
    for embedding in given:
        embedding.abs_().requires_grad_()  # an acute angle: relu lets the gradient through
    head_of(name, tasks[task], pair)(*given).square().sum().backward()
    for embedding in given:
        assert embedding.grad is not None
        assert (embedding.grad.abs().sum(dim=1) > 0).all()


@fitting
def test_examples_do_not_see_each_other(
    tasks: Mapping[str, TaskInfo], name: str, task: str, pair: str, shape: tuple[int, ...]
) -> None:
    head = head_of(name, tasks[task], pair)
    given = embeddings_of(tasks[task], pair)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    permuted = head(*(embedding[order] for embedding in given))
    torch.testing.assert_close(permuted, head(*given)[order])


@fitting
def test_a_head_is_symmetric_where_it_promises(
    tasks: Mapping[str, TaskInfo], name: str, task: str, pair: str, shape: tuple[int, ...]
) -> None:
    given = embeddings_of(tasks[task], pair)
    head = head_of(name, tasks[task], pair)
    same = torch.allclose(head(*given), head(*reversed(given)))
    assert same == ("symmetric" in spec_of(name).promises or len(given) == 1)


@fitting
def test_dropout_is_on_the_embeddings(
    tasks: Mapping[str, TaskInfo], name: str, task: str, pair: str, shape: tuple[int, ...]
) -> None:
    given = [embedding.abs() for embedding in embeddings_of(tasks[task], pair)]
    head = head_of(name, tasks[task], pair, dropout=0.5)
    torch.manual_seed(0)
    dropped = head(*given)
    assert not torch.equal(dropped, head(*given))
    plain = head_of(name, tasks[task], pair, dropout=None)
    assert torch.equal(plain(*given), plain(*given))
    assert torch.equal(head.eval()(*given), plain(*given))


def test_plans_need_no_torch() -> None:
    code = "import mtbench_builtins.heads; assert not {'torch', 'pydantic'} & set(sys.modules)"
    subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"], check=True
    )
