"""Fields: how the files of a store are read, as records whose fields are checked once.

Whatever reads such a file reads it as one record. A file of another format is refused, in one
line, and never guessed at.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

FORMAT = 1
"""Raised by hand when a record changes; files of another format are refused."""


def _time(text: str) -> str:
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("a time without a zone")
    return text


Time = Annotated[str, AfterValidator(_time)]
"""In UTC, so that the texts are in the order of the times."""


class Fields(BaseModel):
    """What a JSON object holds; what it holds besides is left alone."""

    model_config = ConfigDict(strict=True, frozen=True, allow_inf_nan=False)

    @classmethod
    def read(cls, value: Mapping[str, Any], name: str) -> Self:
        """Return the record that a JSON object holds.

        Args:
            name: of the file.

        Raises:
            ValueError: naming the first field that is missing or of another type.
        """
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            path = ".".join(str(part) for part in fault["loc"])
            reason = fault["msg"].lower().removeprefix("value error, ")
            raise ValueError(": ".join(filter(None, (name, path, reason)))) from None


class Versioned(Fields):
    """A file whose format is told in it."""

    format: int = FORMAT

    @classmethod
    def read(cls, value: Mapping[str, Any], name: str) -> Self:
        """Return the record that a file holds.

        Raises:
            ValueError: if it is of another format, or has not its fields; it names the file.
        """
        version = value.get("format")
        if version != FORMAT:
            written = "written by an older version" if version is None else f"format {version!r}"
            raise ValueError(f"{name}: {written}, and this mtbench reads format {FORMAT}")
        return super().read(value, name)
