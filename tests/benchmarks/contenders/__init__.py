"""The contenders: ways of taking one training step, by name, and how each of them is built."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor

    from contenders.work import Taken, Work


class Contender(Protocol):
    """A model, its heads and its optimizer."""

    def step(self, taken: "Taken") -> dict[str, float]:
        """Train on some examples of each task, from token ids on; return the tasks' losses."""
        ...

    def gradients(self) -> "dict[str, Tensor]":
        """Return what the last step left in ``.grad``, under the names of ``BertModel``.

        Where a head has parameters, they are there as ``sst.weight``, ``pd.bias`` and so on.
        """
        ...


@dataclass(frozen=True)
class Entry:
    """Where a contender is found.

    Attributes:
        title: what tables call it.
        module: its module; the class or function of it is called ``target``.
        combines: how the tasks' gradients come together.
        needs: the package without which it cannot run.
    """

    title: str
    module: str
    target: str
    combines: str
    needs: str = "torch"

    def missing(self) -> str | None:
        """Return why it cannot run here, or None."""
        return None if find_spec(self.needs) else f"{self.needs} is not installed"

    def build(self, work: "Work") -> Contender:
        contender: Contender = getattr(import_module(f"contenders.{self.module}"), self.target)(
            work
        )
        return contender


OUR_SUM, OUR_PCGRAD = "mtbench-sum", "mtbench-pcgrad"

CONTENDERS: Mapping[str, Entry] = {
    OUR_SUM: Entry("mtbench, sum", "ours", "summed", "sum"),
    OUR_PCGRAD: Entry("mtbench, pcgrad", "ours", "pcgrad", "pcgrad"),
    "plain-sum": Entry("plain minBERT, sum", "plain", "PlainSum", "sum"),
    "plain-pcgrad": Entry("plain minBERT, PCGrad wrapper", "plain", "PlainPCGrad", "wrapper"),
    "transformers-sum": Entry(
        "transformers BertModel, sum", "hugging_face", "HuggingFace", "sum", "transformers"
    ),
    "torchjd-pcgrad": Entry(
        "transformers BertModel, TorchJD's PCGrad", "torch_jd", "TorchJD", "pcgrad", "torchjd"
    ),
}
