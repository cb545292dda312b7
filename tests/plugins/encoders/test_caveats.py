import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mtbench.api import Cell, Component
from mtbench_builtins.encoders import mtbench_encoders
from mtbench_builtins.encoders.caveats import caveat
from mtbench_builtins.encoders.shipped import SHIPPED, TINY
from mtbench_builtins.tasks.quora import Quora
from mtbench_builtins.tasks.sample import SamplePD
from mtbench_builtins.tasks.sample_parameters import SamplePDParameters
from mtbench_builtins.tasks.sts import STS

QUORA, OTHER = Quora().describe(), STS().describe()


def cell(encoder: str, tasks: Mapping[str, Any], **parameters: Any) -> Cell:
    component = Component(encoder, parameters)
    return Cell(tasks, component, {}, Component("cycle"), Component("sum"), {})


def test_tiny_has_quora_from_its_teacher() -> None:
    said = caveat(cell("tiny", {"sts": OTHER, "pd": QUORA}))
    assert said == (
        "pd may be flattered: tiny learnt from all-MiniLM-L6-v2, which was trained on Quora's "
        "question pairs"
    )


def test_the_weights_count_and_not_the_encoders_name() -> None:
    tasks = {"pd": QUORA}
    assert caveat(cell("minbert", tasks, checkpoint="tiny")) == caveat(cell("tiny", tasks))
    assert caveat(cell("minbert", tasks, checkpoint="bert-base-uncased")) is None
    assert caveat(cell("minbert", tasks, checkpoint=None)) is None


def test_the_teacher_itself_by_its_names_on_the_hub() -> None:
    for name in ("all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"):
        said = caveat(cell("minbert", {"pd": QUORA}, checkpoint=name))
        assert said is not None
        assert said.startswith("pd may be flattered: all-MiniLM-L6-v2 was")


def test_a_copy_of_tiny_is_known_by_its_weights(tmp_path: Path) -> None:
    copied, tasks = shutil.copytree(SHIPPED[TINY], tmp_path / "mine"), {"pd": QUORA}
    said = caveat(cell("minbert", tasks, checkpoint=str(copied)))
    assert said == caveat(cell("tiny", tasks))
    (copied / "model.safetensors").write_bytes(b"others")
    assert caveat(cell("minbert", tasks, checkpoint=str(copied))) is None


def test_the_teacher_is_known_by_its_weights(minilm: Path, tmp_path: Path) -> None:
    tasks = {"pd": QUORA}
    said = caveat(cell("minbert", tasks, checkpoint=str(minilm)))
    assert said == caveat(cell("minbert", tasks, checkpoint="all-MiniLM-L6-v2"))
    (tmp_path / "all-MiniLM-L6-v2").mkdir()
    (tmp_path / "all-MiniLM-L6-v2" / "model.safetensors").write_bytes(b"others")
    other = str(tmp_path / "all-MiniLM-L6-v2")
    assert caveat(cell("minbert", tasks, checkpoint=other)) is None


def test_the_data_count_and_not_the_tasks_name() -> None:
    sample = SamplePD(SamplePDParameters()).describe()
    assert caveat(cell("tiny", {"pd": sample, "sts": OTHER})) is None
    said = caveat(cell("tiny", {"questions": QUORA}))
    assert said is not None
    assert said.startswith("questions may be flattered: ")


@pytest.mark.parametrize("spec", mtbench_encoders(), ids=lambda spec: spec.name)
def test_every_encoder_says_it(spec: Any) -> None:
    assert spec.caveat is caveat
