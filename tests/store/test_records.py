from collections.abc import Callable
from typing import Any

import pytest

from mtbench.store import REQUEST, Damaged, RunFolder
from mtbench.store.records import check_request


def test_damage_is_one_line_that_says_what_next() -> None:
    error = Damaged("0123456789abcdef", "run.json: empty")
    assert str(error) == (
        "run 0123456789ab is damaged: run.json: empty; 'mtbench ablate' trains it anew"
    )
    assert error.reason == "run.json: empty"


def test_a_real_request_has_its_fields(request_run: Callable[..., RunFolder]) -> None:
    request = request_run().read(REQUEST)
    assert request is not None
    check_request(request)
    for name in ("matrix", "cell", "seed", "config", "identity", "plugins", "machine"):
        with pytest.raises(ValueError, match=f"^run.json: {name}: field required$"):
            check_request({key: value for key, value in request.items() if key != name})


@pytest.mark.parametrize(
    "change",
    [{"seed": "0"}, {"seed": True}, {"plugins": "x"}, {"config": []}],
)
def test_a_field_of_another_type_is_refused(
    request_run: Callable[..., RunFolder], change: dict[str, Any]
) -> None:
    request = request_run().read(REQUEST) or {}
    with pytest.raises(ValueError, match=f"^run.json: {next(iter(change))}: "):
        check_request({**request, **change})
