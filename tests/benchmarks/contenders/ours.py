"""mtbench's own step: a trainer with its oracle and its optimizer, as a run has them."""

import torch
from torch import Tensor

from contenders.work import Taken, Work, torch_as_it_is
from mtbench.runs.runner import prepare
from mtbench.store import RunFolder
from mtbench.training.training import Trainer
from mtbench_builtins.encoders.names import stored_names


class Ours:
    """Steps of a run; it draws its examples itself, the same that the others are given."""

    def __init__(self, work: Work, combiner: str) -> None:
        with torch_as_it_is():
            self.run = prepare(RunFolder(work.requests[combiner]))
            self._mode = torch.get_deterministic_debug_mode()
        run = self.run
        self.trainer = Trainer(run.assembled, work.training, run.resolved.cell.train, run.seed)

    def step(self, taken: Taken) -> dict[str, float]:
        with torch_as_it_is():
            torch.set_deterministic_debug_mode(self._mode)  # what a run asks for, we pay for
            torch.utils.deterministic.fill_uninitialized_memory = False
            return self.trainer.step()

    def gradients(self) -> dict[str, Tensor]:
        model = self.run.assembled.model
        found = {}
        for name, parameter in model.encoder.named_parameters():
            if parameter.grad is not None:
                names = stored_names(name)  # three where queries, keys and values are one
                found.update(zip(names, parameter.grad.chunk(len(names)), strict=True))
        for task, head in model.tasks.items():
            for name, parameter in head.module.named_parameters():
                if parameter.grad is not None:
                    found[f"{task}.{name.rpartition('.')[2]}"] = parameter.grad
        return found


def summed(work: Work) -> Ours:
    """Return mtbench with the combiner ``sum``."""
    return Ours(work, "sum")


def pcgrad(work: Work) -> Ours:
    """Return mtbench with the combiner ``pcgrad``."""
    return Ours(work, "pcgrad")
