import pytest
import torch

from mtbench.testing.checks import CheckFailed
from mtbench.testing.devices import require_one_device

META, CPU = torch.empty(2, 2, device="meta"), torch.ones(2, 2)


@pytest.mark.parametrize(
    "function",
    [
        lambda: META + CPU,
        lambda: META @ CPU,
        lambda: torch.cat([META, CPU]),
        lambda: torch.nn.functional.linear(META, CPU),
    ],
)
def test_two_devices_meet(function) -> None:
    with pytest.raises(CheckFailed, match="expected tensors on one device; came "):
        require_one_device(function)


def test_a_result_elsewhere() -> None:
    with pytest.raises(CheckFailed, match="expected a result where the tensors are; came cpu"):
        require_one_device(lambda: CPU + 1)


@pytest.mark.parametrize(
    "function",
    [
        lambda: META @ META + META.new_ones(2),
        lambda: META * torch.tensor(2.0),  # a number may lie anywhere
        lambda: META[torch.arange(2)],  # so may an index
        lambda: CPU.to(META.device),
        lambda: META * META.max().item(),  # these want numbers
        lambda: META[META > 0],
        lambda: torch.rand(2, generator=torch.Generator(META.device)),
    ],
)
def test_what_is_sound_or_cannot_be_tried(function) -> None:
    require_one_device(function)
