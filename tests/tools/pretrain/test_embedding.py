from pathlib import Path

import torch

from tools.pretrain import checkpoint
from tools.pretrain.embedding import embed


def test_vectors_are_of_length_one_in_the_order_given(teacher: Path) -> None:
    encoder, tokenizer = checkpoint.read(teacher)
    encoder.eval()
    texts = ["a long walk by the river", "no", "it rains"]
    together = embed(encoder, tokenizer, texts, batch_tokens=20)
    alone = torch.cat([embed(encoder, tokenizer, [text], batch_tokens=20) for text in texts])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)
    torch.testing.assert_close(together.norm(dim=1), torch.ones(3))
