"""The encoders that mtbench ships."""

from dataclasses import replace

from mtbench.api import EncoderSpec, hookimpl
from mtbench_builtins.encoders.caveats import caveat
from mtbench_builtins.encoders.shipped import SHIPPED

MINBERT = EncoderSpec(
    name="minbert",
    summary="BERT in plain PyTorch, from a checkpoint or from scratch",
    target="mtbench_builtins.encoders.minbert:MinBert",
    parameters="mtbench_builtins.encoders.parameters:MinBertParameters",
    tokenizer="mtbench_builtins.encoders.tokenizer:WordPieceTokenizer",
    fingerprint="mtbench_builtins.encoders.checkpoints:fingerprint",
    locations=frozenset({"checkpoint", "revision"}),
    shipped=frozenset(SHIPPED),
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


@hookimpl
def mtbench_encoders() -> list[EncoderSpec]:
    """Return the encoders."""
    return [MINBERT, TINY]
