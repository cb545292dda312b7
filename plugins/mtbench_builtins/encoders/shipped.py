"""Checkpoints that come with mtbench, in its wheel."""

from collections.abc import Mapping
from pathlib import Path

TINY = "tiny"
SHIPPED: Mapping[str, Path] = {TINY: Path(__file__).with_name(TINY)}
"""Names that a checkpoint can be given by, and the folders in the Hugging Face layout."""
