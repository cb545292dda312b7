"""An encoder of the library transformers: ``AutoModel`` over padded groups of like length.

Shapes beside the lines: N sequences and T tokens of a batch, width d; a group of c sequences,
the longest of L tokens.
"""

import inspect
from typing import Any, Self

import torch
from torch import Tensor, nn

from mtbench.api import EncoderOutput, Pooling, RaggedBatch, UsageError
from mtbench_builtins.encoders.huggingface import configuration, library
from mtbench_builtins.encoders.huggingface.checkpoint import Checkpoint, find
from mtbench_builtins.encoders.huggingface.padding import Padded, Padding
from mtbench_builtins.encoders.huggingface.parameters import HuggingFaceParameters

POOLER = "pooler"


class HuggingFaceEncoder(nn.Module):
    """A text encoder from a checkpoint, in float32 whatever it is stored in.

    Sequences are sorted by length and padded in groups; the model masks the padding, and counts
    positions itself. A pooler that the checkpoint lacks comes from torch's current generator.
    ``pooled`` is the model's own ``pooler_output``, or the first token's state where it has none.

    Attributes:
        width: d.
        pooling: what the checkpoint declares; else ``"pooler"``, or ``"cls"`` where the
            checkpoint has no pooler.

    Raises:
        UsageError: if the library is not installed, the checkpoint is nowhere, or it is no text
            encoder that can be read.
    """

    pooling: Pooling

    def __init__(self, parameters: HuggingFaceParameters) -> None:
        super().__init__()
        checkpoint = find(parameters)
        config = configuration.read(checkpoint)
        configuration.set_dropout(config, parameters.dropout, checkpoint.config)
        self.model, drawn = _load(checkpoint, config)
        self.width: int = config.hidden_size
        has_pooler = getattr(self.model, POOLER, None) is not None and not drawn
        undeclared: Pooling = "pooler" if has_pooler else "cls"
        self.pooling = checkpoint.declared_pooling() or undeclared
        # The model's own count of positions may go by it.
        padding = getattr(_embeddings(checkpoint, self.model), "padding_idx", None)
        self._pad: int = next((i for i in (padding, config.pad_token_id) if i is not None), 0)
        # A RoBERTa has one type of token, an XLM takes something else by that name.
        takes = inspect.signature(self.model.forward).parameters
        self._has_types = "token_type_ids" in takes and getattr(config, "type_vocab_size", 0) > 1
        self._try_out(checkpoint)
        self.frozen = parameters.mode == "frozen"
        if self.frozen:
            self.requires_grad_(False).eval()

    def _try_out(self, checkpoint: Checkpoint) -> None:
        """Encode two tokens, as the library loads models that need more than ids and a mask.

        Raises:
            UsageError: if the model fails, or gives anything but one state a token.
        """
        ones = torch.ones(1, 2, dtype=torch.int64, device=self.model.device)
        # A few models draw at random even in evaluation; first weights must not depend on it.
        with library.quiet(), torch.no_grad(), torch.random.fork_rng(devices=[]):
            try:
                states, _ = self._encode(Padded(ids=ones, types=torch.zeros_like(ones), mask=ones))
            except Exception as error:  # whatever the model says that it lacks
                why = f"it takes more than ids and a mask ({configuration.first_line(error)})"
                raise _no_encoder(checkpoint, self.model, why) from error
        if states.shape != (1, 2, self.width):
            why = f"of 2 tokens it makes states of the shape {list(states.shape)}"
            raise _no_encoder(checkpoint, self.model, f"{why}, not [1, 2, {self.width}]")

    def forward(self, batch: RaggedBatch) -> EncoderOutput:
        """Return the states of the tokens, [T, d], and one pooled state a sequence, [N, d]."""
        padding = Padding(batch)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            groups = [self._encode(group) for group in padding.groups(self._pad)]
            tokens = padding.tokens([states for states, _ in groups])  # [T, d]
            pooled = padding.sequences([pooled for _, pooled in groups])  # [N, d]
        return EncoderOutput(tokens, pooled)

    def _encode(self, group: Padded) -> tuple[Tensor, Tensor]:
        """Return the states of a group's tokens, [c, L, d], and its pooled states, [c, d]."""
        types = {"token_type_ids": group.types} if self._has_types else {}
        output = self.model(
            input_ids=group.ids, attention_mask=group.mask, return_dict=True, **types
        )
        states = output.last_hidden_state
        pooled = getattr(output, "pooler_output", None)
        return states, states[:, 0] if pooled is None else pooled

    def train(self, mode: bool = True) -> Self:
        """Switch dropout on or off; a frozen encoder never drops anything."""
        return super().train(mode and not self.frozen)


def _embeddings(checkpoint: Checkpoint, model: Any) -> Any:
    """Return the module that gives the vectors of token ids."""
    try:
        return model.get_input_embeddings()
    except NotImplementedError as error:
        why = "it has no embeddings of token ids"
        raise _no_encoder(checkpoint, model, why) from error


def _no_encoder(checkpoint: Checkpoint, model: Any, why: str) -> UsageError:
    return UsageError(
        f"{checkpoint.config}: {type(model).__name__} is no encoder of texts that can be padded: "
        f"{why}"
    )


def _load(checkpoint: Checkpoint, config: Any) -> tuple[Any, bool]:
    """Return the model of a checkpoint, and whether its pooler had to be drawn.

    What belongs to a head is left out. A pooler may be missing; everything else must be there,
    since the library would draw it at random.
    """
    from transformers import AutoModel

    with library.quiet():
        try:
            model, found = AutoModel.from_pretrained(
                checkpoint.folder,
                config=config,
                dtype=torch.float32,
                output_loading_info=True,
                trust_remote_code=False,
                use_safetensors=".safetensors" in checkpoint.weights.name,
            )
        except Exception as error:  # whatever the library makes of what it cannot read
            raise configuration.refusal(checkpoint.weights, "it", error) from error
    takes = inspect.signature(model.forward).parameters
    if not {"input_ids", "attention_mask"} <= takes.keys():
        raise _no_encoder(checkpoint, model, "it takes no input_ids with an attention_mask")
    drawn = [name for name in found["missing_keys"] if POOLER in name.split(".")]
    missing = sorted(set(found["missing_keys"]) - set(drawn))
    if missing:
        listed = ", ".join(missing[:3]) + (" ..." if len(missing) > 3 else "")
        raise UsageError(
            f"{checkpoint.weights}: of {type(model).__name__}, {len(missing)} tensors are "
            f"missing: {listed}"
        )
    return model, bool(drawn)
