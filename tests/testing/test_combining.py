import pytest
import torch

from mtbench.errors import UsageError
from mtbench.testing import combine

ROWS = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_update_has_the_dtype_of_the_jacobian(dtype):
    jacobian = torch.tensor(ROWS, dtype=dtype)
    update = combine("sum", jacobian)
    assert update.dtype == dtype
    assert update.tolist() == [5, 7, 9]


def test_nested_sequences_are_float64():
    assert combine("sum", [[1, 2], [3, 4]]).dtype == torch.float64


def test_the_jacobian_is_left_as_it_was():
    jacobian = torch.tensor([[1.0, 0.0], [-1.0, 1.0]], requires_grad=True)
    combine("pcgrad", jacobian)
    assert jacobian.tolist() == [[1, 0], [-1, 1]]
    assert jacobian.grad is None


@pytest.mark.parametrize(
    "jacobian", [torch.ones(3), torch.ones(0, 2), torch.ones(2, 2, dtype=torch.int64)]
)
def test_what_is_no_jacobian_is_refused(jacobian):
    with pytest.raises(ValueError, match="a Jacobian is a floating-point matrix"):
        combine("sum", jacobian)


def test_there_is_one_loss_a_task():
    with pytest.raises(ValueError, match="expected 2 losses"):
        combine("sum", ROWS, losses=[1.0])


def test_an_unknown_combiner_is_a_usage_error():
    with pytest.raises(UsageError, match="did you mean 'pcgrad'"):
        combine("pcgrda", ROWS)


def test_an_unknown_parameter_is_a_usage_error():
    with pytest.raises(UsageError, match=r"combiner sum: .*'alpha'"):
        combine("sum", ROWS, alpha=1)


def test_a_combiner_in_a_file(tmp_path, new_modules):
    file = tmp_path / "combining_file.py"
    file.write_text(
        "from mtbench.api import CombinerSpec, hookimpl\n\n\n"
        "class Twice:\n    def __init__(self, parameters): ...\n\n"
        "    def combine(self, x):\n        return 2 * x.losses\n\n\n"
        "@hookimpl\ndef mtbench_combiners():\n"
        "    return [CombinerSpec(name='twice', summary='s', target=Twice, needs='losses')]\n"
    )
    assert combine("twice", ROWS, plugins=[str(file)]).tolist() == [10, 14, 18]
