import json
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from mtbench import __version__
from mtbench.components.registry import Registry
from mtbench.matrix.configuration import overlay
from mtbench.matrix.file import NamedCell
from mtbench.store import REQUEST, Request, Store, canonical, run_key
from mtbench.study.plan import Plan
from mtbench.study.planner import Planner
from mtbench.study.requests import PACKAGES, machine, request, versions
from mtbench.study.resolution import as_written

CONFIG = overlay(
    {},
    {
        "tasks": [
            {"name": "sample-sts", "as": "sts", "train": 4, "dev": 3, "test": 3},
            {"name": "sample-sst", "train": 4, "dev": 3, "test": 3},
        ],
        "heads.sts": "relu-cosine",
        "train.dropout": 0.3,
    },
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / ".mtbench")


@pytest.fixture
def plan(store: Store) -> Plan:
    return Planner(Registry.load(), store).plan("", [NamedCell("a cell", CONFIG)], [5])


def test_a_request_holds_what_a_fresh_process_needs(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ((cell, run),) = plan.runs()

    record = request(cell, run, [Path("my_head.py")])

    assert (record.key, record.cell, record.seed) == (run.key, "a cell", 5)
    assert record.device == "cpu"
    assert request(cell, run, [], device="cuda:1").device == "cuda:1"
    assert record.config == cell.config
    assert record.plugins == [str(tmp_path / "my_head.py")]
    assert record.blocked == []
    assert request(cell, run, [], blocked=["their-heads"]).blocked == ["their-heads"]
    assert list(record.providers) == [
        *("tasks.sts", "tasks.sample-sst", "encoder", "balancer", "combiner"),
        *("heads.sts", "heads.sample-sst"),
    ]
    assert set(record.providers.values()) == {f"mtl-bench {__version__}"}
    assert record.versions == versions()
    assert record.machine == machine()


def test_the_key_is_made_from_what_the_request_holds(plan: Plan) -> None:
    ((cell, run),) = plan.runs()
    record = json.loads(json.dumps(request(cell, run, []).model_dump()))

    assert Request.read(record, REQUEST) == request(cell, run, [])
    assert run_key(canonical(record["identity"]), record["seed"]) == run.key


def test_what_is_stored_is_planned_as_the_same_run(store: Store, plan: Plan) -> None:
    ((cell, run),) = plan.runs()
    record = request(cell, run, [])

    written = as_written(record.config)
    again = Planner(Registry.load(), store).plan("", [NamedCell("b", written)], [record.seed])

    assert [other.key for _, other in again.runs()] == [run.key]


def test_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    assert versions() == {
        "mtl-bench": __version__,
        **{package: version(package) for package in PACKAGES},
    }
    monkeypatch.setattr("mtbench.study.requests.PACKAGES", ("numpy", "no-such-package"))
    assert set(versions()) == {"mtl-bench", "numpy"}


def test_machine() -> None:
    described = machine()

    assert set(described) == {"system", "processor", "cores", "python"}
    assert described["python"] == ".".join(str(part) for part in sys.version_info[:3])
    assert json.loads(json.dumps(described)) == described
