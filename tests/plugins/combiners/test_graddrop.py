import pytest
import torch

from mtbench_builtins.combiners.graddrop import GradDrop
from mtbench_builtins.combiners.parameters import GradDropParameters


def update_of(x, **parameters):
    return GradDrop(GradDropParameters(**parameters)).combine(x)


def test_each_number_has_one_sign_or_none(given):
    x = given(jacobian=[[1.0, 2.0, 0.0, -1.0], [-3.0, 1.0, 0.0, -2.0], [0.5, 0.0, 0.0, 4.0]])
    seen = set()
    for seed in range(60):
        x.generator.manual_seed(seed)
        first, *rest = update_of(x).tolist()
        seen.add((first, rest[-1]))
        assert rest[:-1] == [3, 0]  # where all agree, and where there is nothing
    assert seen == {(1.5, 4.0), (1.5, -3.0), (-3.0, 4.0), (-3.0, -3.0)}


def test_a_sign_is_as_likely_as_its_share(given):
    # P = (1 + (1 - 3) / 4) / 2 = 1/4, for each of many numbers.
    n = 40_000
    x = given(jacobian=torch.tensor([[1.0], [-3.0]]).expand(2, n))
    update = update_of(x)
    assert sorted(set(update.tolist())) == [-3, 1]
    # Standard deviation of the share: sqrt(3/16 / 40000) = 0.0022.
    assert (update > 0).double().mean().item() == pytest.approx(1 / 4, abs=0.011)
    # Numbers are drawn each by itself.
    both = ((update[:-1] > 0) & (update[1:] > 0)).double().mean().item()
    assert both == pytest.approx(1 / 16, abs=0.008)


def test_the_leak_lets_through_what_is_dropped(given):
    x = given(jacobian=[[1.0, -2.0], [-3.0, 5.0]])
    for seed in range(10):
        found = []
        for leak in (0.0, 0.25, 1.0):
            x.generator.manual_seed(seed)
            found.append(update_of(x, leak=leak))
        dropped = torch.tensor([-2.0, 3.0], dtype=torch.float64) - found[0]
        assert found[1].tolist() == (found[0] + 0.25 * dropped).tolist()
        assert found[2].tolist() == [-2, 3]  # the sum


def test_one_task_keeps_its_gradient(given):
    rows = torch.randn(1, 1000, dtype=torch.float64)
    assert update_of(given(jacobian=rows)).tolist() == rows[0].tolist()


def test_the_order_of_the_tasks_changes_nothing(given):
    rows = torch.randint(-3, 4, (4, 500)).double()
    one, other = (update_of(given(jacobian=part)) for part in (rows, rows.flip(0)))
    assert one.tolist() == other.tolist()


def test_draws_differ_from_step_to_step_and_repeat_with_the_seed(given):
    rows = torch.tensor([[1.0], [-1.0]]).expand(2, 50)

    def draws(seed):
        x = given(jacobian=rows, generator=torch.Generator().manual_seed(seed))
        return [tuple(update_of(x).tolist()) for _ in range(3)]

    assert draws(1) == draws(1) != draws(2)
    assert len(set(draws(1))) == 3


def test_the_jacobian_is_left_as_it_was_and_its_type_kept(given):
    x = given(jacobian=[[1.0, -2.0], [-3.0, 5.0]])
    kept = x.jacobian.clone()
    update_of(x, leak=0.5)
    assert torch.equal(x.jacobian, kept)
    single = GradDrop(GradDropParameters()).combine(
        type(x)(**{**vars(x), "jacobian": x.jacobian.float()})
    )
    assert single.dtype == torch.float32


def test_opposite_and_zero_gradients(given):
    rows = torch.tensor([[1.0, 2.0, 0.0], [-1.0, -2.0, 0.0]])
    assert update_of(given(jacobian=rows)).abs().tolist() == [1, 2, 0]
