"""What the conformance kit asks of an encoder: its tokens, states, gradients and weights."""

from mtbench.testing import encoder_gradients, encoder_states, encoder_weights, tokenizers
from mtbench.testing.checks import Checks

check = Checks("encoder")
for part in (
    tokenizers.check,
    encoder_states.check,
    encoder_gradients.check,
    encoder_weights.check,
):
    check.all.extend(part.all)
