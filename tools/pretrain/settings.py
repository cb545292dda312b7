"""Settings of the recipe, read from a TOML file."""

import tomllib
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mtbench.api import UsageError

Count = Annotated[int, Field(gt=0)]
Weight = Annotated[float, Field(ge=0)]
Rate = Annotated[float, Field(gt=0)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Families(_Section):
    """Families of sentences that the student learns from.

    Attributes:
        count: families of four texts each.
        words: fewest and most words of a sentence.
        frame_words: the so many most frequent words make up a sentence's frame.
        replacements: words, the most frequent first, that may stand for another.
    """

    count: Count
    words: tuple[Count, Count]
    frame_words: Count
    replacements: Count

    @model_validator(mode="after")
    def _fewest_first(self) -> Self:
        if self.words[0] > self.words[1]:
            raise ValueError("words: the fewest come first")
        return self


class Clauses(_Section):
    """Clauses made up of the corpus's words.

    Attributes:
        count: families of four clauses each.
        frame_words: the so many most frequent words are neither noun nor verb.
        fewest: times that a noun or verb must be seen.
    """

    count: Annotated[int, Field(ge=0)]
    frame_words: Count
    fewest: Count


class Vocabulary(_Section):
    """WordPieces.

    Attributes:
        pieces: how many, the special ones among them; more than there can be single signs.
        texts: sentences that they are counted in.
    """

    pieces: Annotated[int, Field(gt=405)]
    texts: Count


class Shape(_Section):
    """Shape of the student; see :class:`mtbench_builtins.encoders.shape.Shape`."""

    layers: Count
    width: Count
    attention_heads: Count
    intermediate: Count
    max_positions: Count

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        if self.width % self.attention_heads:
            raise ValueError("attention_heads must divide width")
        return self


class Training(_Section):
    """What both trainings have.

    Attributes:
        steps: optimiser steps.
        batch_size: texts of a step.
        lr: peak learning rate of AdamW, reached after 5 % of the steps, then down to zero.
        save_every: steps between two saves, from which an interrupted run goes on.
    """

    steps: Annotated[int, Field(ge=0)]
    batch_size: Count
    lr: Rate
    save_every: Count = 500


class Mlm(Training):
    """Masked-language-model pre-training.

    Attributes:
        texts: sentences, taken over and over.
        masked: share of the tokens that are to be told.
    """

    texts: Count
    masked: Annotated[float, Field(gt=0, lt=1)]


class Distil(Training):
    """Distillation of the teacher's sentence vectors.

    Attributes:
        vector: weight of one minus the cosine to the teacher's vector.
        relation: weight of the squared error of the cosines between texts of a batch.
        family: the same, over the texts of a family only.
    """

    batch_size: Annotated[int, Field(gt=0, multiple_of=4)]  # whole families
    vector: Weight
    relation: Weight
    family: Weight


class Settings(_Section):
    """All settings; every random number of the recipe comes from `seed`."""

    seed: int
    vocabulary: Vocabulary
    families: Families
    clauses: Clauses
    shape: Shape
    mlm: Mlm
    distil: Distil


def load(file: Path) -> Settings:
    """Read the settings.

    Raises:
        UsageError: if the file is no TOML, or a setting is missing, unknown or makes no sense.
    """
    try:
        return Settings.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: no TOML in UTF-8 ({error})") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{file}: {where}: {first['msg']}") from None
