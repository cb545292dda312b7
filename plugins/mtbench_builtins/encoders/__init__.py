"""The encoders that mtbench ships."""

from mtbench.api import EncoderSpec, hookimpl

MINBERT = EncoderSpec(
    name="minbert",
    summary="BERT in plain PyTorch, from a checkpoint or from scratch",
    target="mtbench_builtins.encoders.minbert:MinBert",
    parameters="mtbench_builtins.encoders.parameters:MinBertParameters",
    tokenizer="mtbench_builtins.encoders.tokenizer:WordPieceTokenizer",
    fingerprint="mtbench_builtins.encoders.checkpoints:fingerprint",
    locations=frozenset({"checkpoint", "revision"}),
    paper=(
        "Devlin, Chang, Lee and Toutanova 2019, BERT: Pre-training of Deep Bidirectional "
        "Transformers for Language Understanding"
    ),
)


@hookimpl
def mtbench_encoders() -> list[EncoderSpec]:
    """Return the encoders."""
    return [MINBERT]
