"""The library transformers: an optional dependency, imported late and kept quiet."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from mtbench.api import UsageError

NAME = "transformers"


def require() -> None:
    """Make sure that the library is installed, without importing it.

    Raises:
        UsageError: if it is not.
    """
    if find_spec(NAME) is None:
        raise UsageError(
            f"the encoder 'huggingface' needs the library {NAME}: pip install 'mtbench[{NAME}]'"
        )


@contextmanager
def quiet() -> Iterator[None]:
    """Have the library print no progress bars, and nothing below an error."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
