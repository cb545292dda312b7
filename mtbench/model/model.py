"""The model: one encoder shared by all tasks, and a head for each of them."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mtbench.gradients.rows import padding
from mtbench.gradients.segments import Segments
from mtbench.matrix.configuration import Precision
from mtbench.model.batching import ragged
from mtbench.model.objectives import Output, loss
from mtbench.model.pooling import AttentionPooling, FixedPooling, pool
from mtbench.protocols import EncoderOutput, Pair, RaggedBatch, TaskInfo, Tokens
from mtbench.randomness import derive, seed_torch


class BrokenHead(RuntimeError):
    """A head gave outputs that are none of its task's."""

    def __init__(self, task: str, message: str) -> None:
        super().__init__(f"the head of task {task!r}, {message}")
        self.part = f"heads.{task}"


@dataclass(frozen=True)
class TaskBatch:
    """Some examples of one task.

    Attributes:
        sequences: one list of B token sequences for each embedding an example has.
        labels: [B] float, class indices or scores.
    """

    sequences: tuple[Sequence[Tokens], ...]
    labels: Tensor


@dataclass(frozen=True)
class TaskHead:
    """What the model must know of a task: how its head is fed, and what comes out.

    Attributes:
        pooling: a name, or what learns how to pool for this task alone.
    """

    module: nn.Module
    info: TaskInfo
    pair: Pair
    pooling: FixedPooling | AttentionPooling
    output: Output

    @property
    def modules(self) -> list[nn.Module]:
        """All that is trained for this task alone."""
        own = [self.pooling] if isinstance(self.pooling, AttentionPooling) else []
        return [self.module, *own]


class MultiTaskModel(nn.Module):
    """An encoder and the heads of the tasks, forward passes shared wherever tasks allow it.

    Args:
        encoder: shared by all tasks.
        heads: of the tasks by name.
        precision: of the forward passes; what they give is float32 in either case.
    """

    def __init__(
        self,
        encoder: nn.Module,
        heads: Mapping[str, TaskHead],
        precision: Precision = "float32",
    ) -> None:
        super().__init__()
        self._precision = precision
        self.encoder = encoder
        self.tasks = dict(heads)
        # A module's own names (``train``, ``keys``) would clash with tasks called so.
        self.heads = nn.ModuleDict({f"{name}_head": head.module for name, head in heads.items()})
        learned = {n: h.pooling for n, h in heads.items() if isinstance(h.pooling, nn.Module)}
        self.poolings = nn.ModuleDict({f"{n}_pooling": module for n, module in learned.items()})

    def forward(
        self, batches: Mapping[str, TaskBatch], segments: Segments | None = None
    ) -> dict[str, Tensor]:
        """Return what each task's head gives, from one encoder pass over all of them.

        Args:
            segments: records the pass, so that each task's gradients can be told apart.
        """
        if self._precision == "float32":
            return self._outputs(batches, segments)
        with torch.autocast(self.device.type, torch.bfloat16):
            outputs = self._outputs(batches, segments)
        # Losses and metrics would lose digits that float32 keeps.
        return {name: value.float() for name, value in outputs.items()}

    def _outputs(
        self, batches: Mapping[str, TaskBatch], segments: Segments | None
    ) -> dict[str, Tensor]:
        batch = ragged(
            [s for of_task in batches.values() for column in of_task.sequences for s in column],
            [sum(map(len, of_task.sequences)) for of_task in batches.values()],
            self.device,
        )
        with self._passing(batch, list(batches), segments):
            encoded: EncoderOutput = self.encoder(batch)
        # One pooled matrix serves all heads that agree on it.
        pooled: dict[FixedPooling, Tensor] = {}
        outputs = {}
        start = 0
        for name, task_batch in batches.items():
            task = self.tasks[name]
            count = len(task_batch.sequences[0])
            end = start + count * len(task_batch.sequences)
            if isinstance(task.pooling, AttentionPooling):
                embeddings = task.pooling(encoded, batch, start, end)
            else:
                if task.pooling not in pooled:
                    pooled[task.pooling] = pool(encoded, batch, task.pooling)  # [N, d]
                embeddings = pooled[task.pooling][start:end]
            outputs[name] = task.module(*embeddings.split(count))
            _check_shape(name, task, outputs[name], count)
            start = end
        return outputs

    def _passing(
        self, batch: RaggedBatch, tasks: Sequence[str], segments: Segments | None
    ) -> AbstractContextManager[None]:
        """Return what the encoder's linear layers are called in."""
        if segments is not None:
            return segments.recording(batch, tasks)
        return nullcontext() if self._precision == "float32" else padding(self.encoder)

    def losses(
        self, batches: Mapping[str, TaskBatch], segments: Segments | None = None
    ) -> dict[str, Tensor]:
        """Return each task's mean loss, from one encoder pass over all of them.

        Args:
            segments: records the pass, so that each task's gradients can be told apart.
        """
        outputs = self(batches, segments)
        return {
            name: loss(
                self.tasks[name].info,
                self.tasks[name].output,
                outputs[name],
                batch.labels.to(self.device),
            )
            for name, batch in batches.items()
        }

    @property
    def device(self) -> torch.device:
        """Where the parameters lie, and so where batches must; the CPU if there are none."""
        return next((parameter.device for parameter in self.parameters()), torch.device("cpu"))

    def shared_parameters(self) -> list[nn.Parameter]:
        """Return the encoder's parameters that are trained: what combiners act on."""
        return [p for p in self.encoder.parameters() if p.requires_grad]

    def head_parameters(self) -> list[nn.Parameter]:
        """Return the parameters of heads and poolings, which belong to one task each."""
        own = (*self.heads.parameters(), *self.poolings.parameters())
        return [p for p in own if p.requires_grad]

    def digests(self) -> dict[str, str]:
        """Return the SHA-256 of the tensors of ``encoder``, ``heads.sst``, ...

        A pooling that is learned counts as a part of its task's head.
        """
        heads = {f"heads.{name}": _digest(*task.modules) for name, task in self.tasks.items()}
        return {"encoder": _digest(self.encoder), **heads}

    def trained_state(self) -> dict[str, Tensor]:
        """Return all tensors but the frozen parameters: what training changes, buffers too."""
        frozen = {name for name, p in self.named_parameters() if not p.requires_grad}
        return {name: value for name, value in self.state_dict().items() if name not in frozen}


def _digest(*modules: nn.Module) -> str:
    """Return the SHA-256 of modules' tensors, in the order of their names, on any device."""
    digest = hashlib.sha256()
    for name, tensor in (item for m in modules for item in sorted(m.state_dict().items())):
        digest.update(name.encode())
        flat = tensor.detach().cpu().contiguous().view(-1)
        digest.update(flat.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _check_shape(name: str, task: TaskHead, outputs: Tensor, count: int) -> None:
    """Make sure that a head gives what its task's loss takes; too many classes would train."""
    classes = task.info.outputs
    expected = (count, classes) if task.info.loss == "cross-entropy" else (count,)
    if outputs.shape != expected:
        raise BrokenHead(
            name,
            f"{type(task.module).__name__}, gave shape {list(outputs.shape)}, "
            f"not {list(expected)}",
        )


def seeded(seed: int, module: str, build: Callable[[], nn.Module]) -> nn.Module:
    """Build a module with first weights that depend on the seed and its name alone.

    What is built before or beside it changes nothing, so that two cells which differ in one
    head start with equal weights everywhere else.
    """
    with torch.random.fork_rng(devices=[]):
        seed_torch(derive(seed, "initialisation", module))
        return build()
