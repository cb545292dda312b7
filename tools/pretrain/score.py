"""Score of an encoder on STS as it is: ``python -m tools.pretrain.score --help``.

Pearson's correlation of the labels and the cosines of mean vectors. Settings of the recipe are
chosen by ``--split train``; ``dev`` is for the model card, once.
"""

from pathlib import Path

import click

from mtbench.api import Split, Tokenizer, UsageError
from mtbench.metrics import pearson
from mtbench_builtins.encoders.minbert import MinBert
from mtbench_builtins.tasks.sts import STS
from tools.pretrain import checkpoint
from tools.pretrain.embedding import embed

BATCH_TOKENS = 4096


def sts(
    encoder: MinBert, tokenizer: Tokenizer, data: Path, split: Split, rows: int | None = None
) -> float | None:
    """Return the correlation on a split of STS; None where it is not defined.

    Args:
        encoder: in evaluation mode.
        tokenizer: its own.
        data: folder with the files of STS.
        split: which.
        rows: the first so many only.

    Raises:
        UsageError: if the file is missing or broken.
    """
    examples = STS().load(split, data)
    assert examples.labels is not None
    pairs, labels = examples.texts[:rows], examples.labels[:rows]
    one, other = (
        embed(encoder, tokenizer, [pair[side] for pair in pairs], batch_tokens=BATCH_TOKENS)
        for side in (0, 1)
    )
    return pearson((one * other).sum(dim=1).tolist(), list(labels))


@click.command()
@click.argument("checkpoints", nargs=-1, required=True)
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Folder with the files of STS.",
)
@click.option("--split", type=click.Choice(["train", "dev"]), default="train", show_default=True)
def main(checkpoints: tuple[str, ...], data: Path, split: Split) -> None:
    """Print how well cosines of encoders, as they are, follow the labels of STS."""
    try:
        for folder in checkpoints:
            encoder, tokenizer = checkpoint.read(Path(folder))
            score = sts(encoder.eval(), tokenizer, data, split)
            shown = "not defined" if score is None else f"{score:.4f}"
            click.echo(f"{folder}: STS {split}, Pearson {shown}")
    except UsageError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
