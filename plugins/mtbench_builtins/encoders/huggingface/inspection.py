"""Inspection of a checkpoint of the library transformers: what can be told of it without torch."""

from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace

from mtbench.api import Cell, UsageError, check_there
from mtbench_builtins.encoders import inspection, lengths, pickled, tokenizer_settings
from mtbench_builtins.encoders.facts import Facts, of_folder
from mtbench_builtins.encoders.files import read_json
from mtbench_builtins.encoders.huggingface import configuration, library
from mtbench_builtins.encoders.huggingface.checkpoint import (
    INDEX,
    Checkpoint,
    find,
    refuse_own_code,
)
from mtbench_builtins.encoders.huggingface.parameters import HuggingFaceParameters
from mtbench_builtins.encoders.stored import names, read, refuse_integers, refuse_wrapper
from mtbench_builtins.encoders.tokenizer_files import BERTS

WITH_POOLER = frozenset(
    (
        *("albert", "bert", "big_bird", "camembert", "data2vec-text", "ernie", "esm", "fnet"),
        *("ibert", "jina_embeddings_v3", "layoutlm", "lilt", "longformer", "luke", "markuplm"),
        *("megatron-bert", "mobilebert", "mpnet", "rembert", "roberta", "roberta-prelayernorm"),
        *("roc_bert", "squeezebert", "tapas", "xlm-roberta", "xlm-roberta-xl", "xmod"),
    )
)
"""Kinds of model with a pooler, whose weights are drawn where a checkpoint has none."""
WEIGHTS = ("weight", "bias")
"""Last parts of the names of what is trained; other tensors may count something."""


@lru_cache(maxsize=64)
def inspect(parameters: HuggingFaceParameters) -> Facts:
    """Look at the files of a checkpoint, and return the facts about it.

    Raises:
        UsageError: if the library is not installed, the checkpoint is nowhere, files are missing
            or damaged, its configuration is that of no encoder, or of one with code of its own,
            or it takes no sequences of ``max_tokens``.
    """
    library.require()
    checkpoint = find(parameters)
    config = read_json(checkpoint.config)
    if "model_type" not in config:
        raise UsageError(
            f"{checkpoint.config}: it has no model_type, so no kind of model is known"
        )
    for key in ("is_encoder_decoder", "is_decoder"):
        if config.get(key):
            raise UsageError(f"{checkpoint.config}: {key} is true; only encoders can be loaded")
    refuse_own_code(checkpoint)
    for file in checkpoint.token_files():
        check_there(file, "vocabulary")
    for file in checkpoint.weight_files():
        _inspect_weights(file, scaled="quantization_config" in config)
    checkpoint.declared_pooling()
    return of_folder(
        checkpoint.folder,
        drawn=pooler_is_drawn(checkpoint),
        longest=longest(checkpoint, parameters.max_tokens),
        cased=cased(checkpoint),
    )


def fingerprint(parameters: HuggingFaceParameters) -> str:
    """Return the SHA-256 of what decides the initial weights and the tokens, wherever it lies.

    It reads files and imports nothing heavy, but says early that the library is missing. Of a
    checkpoint that cannot be used there is none.

    Raises:
        UsageError: if ``inspect`` finds something.
    """
    inspect.cache_clear()  # a plan asks for this once, and then cell by cell for the facts
    inspect(parameters)
    return find(parameters).digest()


def _inspect_weights(file: Path, *, scaled: bool) -> None:
    """Look at a file of weights; where they are ``scaled``, the library knows how."""
    check_there(file, "weights")
    if file.suffix == ".safetensors":
        tensors = read(file)
        refuse_wrapper(file, tensors)
        trained = {
            name: tensor for name, tensor in tensors.items() if name.rpartition(".")[2] in WEIGHTS
        }
        refuse_integers(file, {} if scaled else trained)
    elif not file.name.endswith(INDEX):
        pickled.refuse_other(file)


def longest(checkpoint: Checkpoint, max_tokens: int | None) -> int | None:
    """Return how many tokens the longest sequence has, as far as files say it; else None.

    What a configuration leaves open, the library knows, and says it in the run.

    Raises:
        UsageError: if ``max_tokens`` is more than that.
    """
    config = SimpleNamespace(**{"pad_token_id": None, **read_json(checkpoint.config)})
    file = checkpoint.folder / "tokenizer_config.json"
    length = read_json(file, missing={}).get("model_max_length")
    limits = {
        f"{checkpoint.config}: max_position_embeddings": configuration.positions(config),
        f"{file}: model_max_length": length
        if isinstance(length, int | float) and length >= 1
        else None,
    }
    return lengths.longest(max_tokens, limits)


def parameters_of(cell: Cell) -> HuggingFaceParameters:
    """Return the parameters of a cell's encoder."""
    return HuggingFaceParameters(**cell.encoder.parameters)


def pooler_is_drawn(checkpoint: Checkpoint) -> bool:
    """Whether a checkpoint is known to have no weights for the pooler of its model.

    Raises:
        UsageError: if its weights are damaged.
    """
    if read_json(checkpoint.config).get("model_type") not in WITH_POOLER:
        return False
    files = [file for file in checkpoint.weight_files() if not file.name.endswith(INDEX)]
    found = [names(file) for file in files]
    return all(
        of_file is not None and not any("pooler" in name.split(".") for name in of_file)
        for of_file in found
    )


def cased(checkpoint: Checkpoint) -> float:
    """Return the share of the vocabulary's words that have capitals and are never met.

    It is 0 where the tokenizer keeps the case, or is none of a BERT.
    """
    try:
        return inspection.reading(checkpoint, None).cased
    except UsageError:
        return _cased_by_settings(checkpoint)


def _cased_by_settings(checkpoint: Checkpoint) -> float:
    """Return the same of a folder whose files disagree, of which the library follows one."""
    try:
        settings = tokenizer_settings.read(checkpoint)
        if settings.kind not in BERTS or not settings.flags["do_lower_case"]:
            return 0
        return inspection.share_of_capitals(read_json(checkpoint.vocabulary)["model"]["vocab"])
    except (UsageError, LookupError, TypeError):  # the library has its own word for what is wrong
        return 0
