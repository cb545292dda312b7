from importlib.metadata import PackageNotFoundError
from typing import Any

import pytest
from transformers.utils import logging

from mtbench.api import UsageError
from mtbench.specs import resolve
from mtbench_builtins.encoders import HUGGINGFACE
from mtbench_builtins.encoders.huggingface import library
from mtbench_builtins.encoders.huggingface.parameters import HuggingFaceParameters


@pytest.mark.parametrize(
    "part", [HUGGINGFACE.fingerprint, HUGGINGFACE.target, HUGGINGFACE.tokenizer]
)
def test_where_the_library_is_missing_one_line_says_how_to_get_it(
    part: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(library, "version", none)
    with pytest.raises(UsageError) as error:
        resolve(part)(HuggingFaceParameters(checkpoint="tiny"))
    assert str(error.value) == (
        "the encoder 'huggingface' needs the library transformers: "
        "pip install 'mtl-bench[transformers]'"
    )


def test_quiet_puts_everything_back() -> None:
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    with library.quiet():
        assert logging.get_verbosity() == logging.ERROR
        assert not logging.is_progress_bar_enabled()
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before
    with pytest.raises(KeyError), library.quiet():
        raise KeyError
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before
