"""Selection: which of a run's evaluations on dev is kept."""

import time
from collections.abc import Mapping

from torch import Tensor

from mtbench.model.model import MultiTaskModel
from mtbench.store.history import History
from mtbench.training.evaluation import Scores, overall, predict_and_score
from mtbench.training.examples import TokenisedExamples


class Selection:
    """The best of a run's evaluations on dev, by the mean of the trained tasks' metrics.

    An undefined mean never wins over a defined one; of equals, the earlier is kept.

    Attributes:
        count: evaluations so far.
        step, state, predicted, scores: of the best: after which step, the tensors that training
            changed, the predictions and the metrics a task.
        seconds: time spent here.
    """

    def __init__(
        self, model: MultiTaskModel, dev: Mapping[str, TokenisedExamples], history: History
    ) -> None:
        self._model = model
        self._dev = dev
        self._history = history
        self._best: float | None = None
        self.count = 0
        self.step = 0
        self.seconds = 0.0
        self.state: dict[str, Tensor] = {}
        self.predicted: dict[str, list[float]] = {}
        self.scores: dict[str, Scores] = {}

    def evaluate(self, step: int, trained: set[str]) -> None:
        """Score the model as it is, and keep it if it is the best so far."""
        started = time.perf_counter()
        self._history.note("evaluating")
        predicted, scores = predict_and_score(self._model, self._dev)
        infos = {task: h.info for task, h in self._model.tasks.items() if task in trained}
        value = overall(infos, scores)
        self._history.evaluation(step, scores)
        self.count += 1
        if self.count == 1 or (value is not None and (self._best is None or value > self._best)):
            self._best = value
            self.step, self.predicted, self.scores = step, predicted, scores
            self.state = {
                name: value.clone() for name, value in self._model.trained_state().items()
            }
        self.seconds += time.perf_counter() - started
