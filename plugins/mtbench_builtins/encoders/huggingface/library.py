"""The library transformers: an optional dependency, imported late and kept quiet."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version

from mtbench.api import UsageError


def require(*libraries: str) -> None:
    """Make sure that libraries are installed, without importing them.

    Raises:
        UsageError: if one is not.
    """
    for library in libraries or ("transformers",):
        try:
            version(library)
        except PackageNotFoundError:
            raise UsageError(
                f"the encoder 'huggingface' needs the library {library}: "
                "pip install 'mtl-bench[transformers]'"
            ) from None


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
