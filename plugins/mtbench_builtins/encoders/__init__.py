"""The encoders that mtbench ships."""

from dataclasses import replace

from mtbench.api import EncoderSpec, hookimpl
from mtbench_builtins.encoders.caveats import caveat
from mtbench_builtins.encoders.huggingface import cells as huggingface
from mtbench_builtins.encoders.refusals import rejects
from mtbench_builtins.encoders.shipped import SHIPPED
from mtbench_builtins.encoders.shipped import TINY as TINY_CHECKPOINT

MINBERT = EncoderSpec(
    name="minbert",
    summary="BERT in plain PyTorch, from a checkpoint or from scratch",
    target="mtbench_builtins.encoders.minbert:MinBert",
    parameters="mtbench_builtins.encoders.parameters:MinBertParameters",
    tokenizer="mtbench_builtins.encoders.tokenizer:WordPieceTokenizer",
    fingerprint="mtbench_builtins.encoders.inspection:fingerprint",
    locations=frozenset({"checkpoint", "revision"}),
    shipped=frozenset(SHIPPED),
    rejects=rejects,
    caveat=caveat,
    paper=(
        "Devlin, Chang, Lee and Toutanova 2019, BERT: Pre-training of Deep Bidirectional "
        "Transformers for Language Understanding"
    ),
    example={"layers": 1, "width": 64, "attention_heads": 2, "intermediate": 128},
)
TINY = replace(
    MINBERT,
    name="tiny",
    summary="a small BERT, pre-trained, which comes in the wheel",
    parameters="mtbench_builtins.encoders.parameters:TinyParameters",
    locations=frozenset(),
    shipped=frozenset(),
    example={},
)
HUGGINGFACE = EncoderSpec(
    name="huggingface",
    summary="any text encoder of the library transformers (extra: transformers)",
    target="mtbench_builtins.encoders.huggingface.encoder:HuggingFaceEncoder",
    parameters="mtbench_builtins.encoders.huggingface.parameters:HuggingFaceParameters",
    tokenizer="mtbench_builtins.encoders.huggingface.tokenizer:HuggingFaceTokenizer",
    fingerprint="mtbench_builtins.encoders.huggingface.inspection:fingerprint",
    locations=frozenset({"checkpoint", "revision"}),
    shipped=frozenset(SHIPPED),
    rejects=huggingface.rejects,
    caveat=huggingface.caveat,
    example={"checkpoint": TINY_CHECKPOINT},
    paper=(
        "Wolf et al. 2020, Transformers: State-of-the-Art Natural Language Processing; what the "
        "checkpoint is of has a paper of its own"
    ),
)


@hookimpl
def mtbench_encoders() -> list[EncoderSpec]:
    """Return the encoders."""
    return [MINBERT, TINY, HUGGINGFACE]
