"""Configurations of the library transformers: which models are text encoders, and their rates."""

from __future__ import annotations

from typing import Any

from mtbench.api import UsageError
from mtbench_builtins.encoders.files import read_json
from mtbench_builtins.encoders.huggingface import library
from mtbench_builtins.encoders.huggingface.checkpoint import OWN_CODE, Checkpoint, refuse_own_code

OF_HEADS = ("classif", "summary", "qa_", "pooler", "lm_head", "layerdrop")
"""Marks of rates that are no dropout within the encoder: those of heads, and of whole layers."""

COUNTED_FROM_PADDING = (
    *("camembert", "data2vec-text", "esm", "ibert", "lilt", "longformer", "luke", "markuplm"),
    *("mpnet", "roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod"),
)
"""Kinds of model whose first token has the position after that of the padding token's id."""


def read(checkpoint: Checkpoint) -> Any:
    """Return the configuration of a checkpoint, as the library has it.

    Raises:
        UsageError: if the library is not installed, does not know the kind of model without
            code of the checkpoint's own, or knows it as no text encoder.
    """
    library.require()
    refuse_own_code(checkpoint)
    from transformers import AutoConfig

    with library.quiet():
        try:
            config = AutoConfig.from_pretrained(checkpoint.folder, trust_remote_code=False)
        except Exception as error:  # whatever the library makes of what it does not know
            if "auto_map" in read_json(checkpoint.config):
                raise UsageError(f"{checkpoint.config}: {OWN_CODE}") from error
            raise refusal(checkpoint.config, "its configuration", error) from error
    what = _no_encoder(config)
    if what:
        raise UsageError(
            f"{checkpoint.config}: {config.model_type!r} is {what}; the encoder 'huggingface' "
            "takes text encoders such as BERT, RoBERTa or ModernBERT"
        )
    return config


def _no_encoder(config: Any) -> str | None:
    """Return what a configuration is of, where it is no text encoder."""
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as CAUSAL,
    )
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_MASKED_LM_MAPPING_NAMES as MASKED,
    )

    if config.is_encoder_decoder:
        return "an encoder-decoder"
    only_forward = config.model_type in CAUSAL and config.model_type not in MASKED
    return "a decoder" if getattr(config, "is_decoder", False) or only_forward else None


def set_dropout(config: Any, rate: float | None, where: object) -> None:
    """Set every rate of dropout within the encoder; None leaves them as they are.

    Raises:
        UsageError: if the configuration has none.
    """
    if rate is None:
        return
    rates = [
        name
        for name in config.to_dict()
        if ("dropout" in name or "pdrop" in name) and not any(mark in name for mark in OF_HEADS)
    ]
    if not rates:
        raise UsageError(f"{where}: it has no rate of dropout that could be {rate}")
    for name in rates:
        setattr(config, name, rate)


def positions(config: Any) -> int | None:
    """Return how many tokens the longest sequence can have; None where there is no limit."""
    count = getattr(config, "max_position_embeddings", None)
    if not isinstance(count, int) or count < 1:
        return None
    if config.model_type in COUNTED_FROM_PADDING:
        count -= (config.pad_token_id or 0) + 1
    return count


def refusal(file: object, part: str, error: Exception) -> UsageError:
    """Return the error, in one line, for what the library cannot load."""
    return UsageError(f"{file}: the library transformers cannot load {part} ({first_line(error)})")


def first_line(error: Exception) -> str:
    """Return the first line of an error's text that is not blank, or else its kind."""
    lines = filter(None, map(str.strip, str(error).splitlines()))
    return next(lines, type(error).__name__)
