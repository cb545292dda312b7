"""What all tests share: a clean environment, seeded generators, and the real data where it is."""

import importlib
import os
import random
import shutil
import signal
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
from filelock import FileLock
from hypothesis import settings

from mtbench.randomness import seed_torch

ROOT = Path(__file__).resolve().parents[1]
MARK = "MTBENCH_TEST_PROCESS"  # what a process of a test inherits, whoever its parent is by now


def pytest_configure() -> None:
    """Set what processes inherit and libraries read on import, before any test is imported."""
    os.environ.pop("MTBENCH_DATA", None)
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ[MARK] = str(uuid.uuid4())
    for name in ("SIGINT", "SIGHUP"):  # which a suite that runs in the background ignores
        if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) is signal.SIG_IGN:
            signal.signal(getattr(signal, name), signal.default_int_handler)
    settings.register_profile("mtbench", deadline=None, derandomize=True)
    settings.load_profile("mtbench")


@pytest.fixture(autouse=True)
def deterministic() -> None:
    """Seed the global generators and keep torch to one thread, where torch is there at all."""
    random.seed(0)
    if torch := sys.modules.get("torch"):
        seed_torch(0)
        torch.set_num_threads(1)


def started_processes() -> set[psutil.Process]:
    """Return the processes that this one started, or that these started, and that still run.

    But those of multiprocessing, which end with this one: the kit keeps some for later tests.
    """
    children = {child.pid for child in psutil.Process().children(recursive=True)}
    processes = set()
    for process in psutil.process_iter():
        try:
            ours = process.pid in children or process.environ().get(MARK) == os.environ[MARK]
            runs = process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE
            if ours and runs and "from multiprocessing." not in " ".join(process.cmdline()):
                processes.add(process)
        except psutil.Error:  # it has ended, or is somebody else's
            continue
    return processes


@pytest.fixture(autouse=True, scope="module")
def leftovers() -> Iterator[None]:
    """Fail where a process or a thread that a module's tests started outlives them."""
    processes, threads = started_processes(), set(threading.enumerate())
    yield
    _, running = psutil.wait_procs(started_processes() - processes, timeout=10)
    alive = {thread for thread in set(threading.enumerate()) - threads if not thread.daemon}
    for thread in alive:
        thread.join(timeout=10)
    alive = {thread for thread in alive if thread.is_alive()}
    assert ([process.cmdline() for process in running], alive) == ([], set()), "left behind"


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the source tree."""
    return ROOT


@pytest.fixture(scope="session")
def cs224n() -> Path:
    """The folder of the CS224N data: ``MTBENCH_TEST_DATA``, or beside the source tree."""
    named = os.environ.get("MTBENCH_TEST_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data" / "cs224n"
    if not folder.is_dir():
        pytest.skip(f"needs the CS224N data, and {folder} is no folder (set MTBENCH_TEST_DATA)")
    return folder


# --- plugins made for a test ------------------------------------------------------------------


@pytest.fixture
def new_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget, after the test, the modules that were imported from its folder."""
    # Byte code is told from its source by size and second: a quick edit would be overlooked.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = sys.modules.copy()
    yield
    inside = (str(tmp_path), f"{tmp_path}{os.sep}")
    for name, module in list(sys.modules.items()):
        if before.get(name) is module:
            continue
        file = getattr(module, "__file__", None)
        places = [file] if file else getattr(module, "__path__", ())
        if any(place == inside[0] or place.startswith(inside[1]) for place in places):
            del sys.modules[name]


@pytest.fixture
def install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new_modules: None
) -> Callable[..., Path]:
    """Give a function that installs a distribution whose one module is a plugin."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)

    def write(distribution: str, source: str, *, version: str = "1.0", point: str = "") -> Path:
        module = distribution.replace("-", "_")
        information = folder / f"{module}-{version}.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        )
        (information / "entry_points.txt").write_text(f"[mtbench]\nplugin = {point or module}\n")
        file = folder / f"{module}.py"
        file.write_text(source)
        importlib.invalidate_caches()
        return file

    return write


@pytest.fixture(scope="session")
def shared_folder(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str, Callable[[Path], object]], Path]:
    """Give a function that fills a folder once for all of pytest's processes, a copy for each."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent  # of the temporary folders of all of them

    def folder(name: str, fill: Callable[[Path], object]) -> Path:
        place, filled = root / name, root / f"{name}.filled"
        with FileLock(root / f"{name}.lock"):
            if not filled.exists():
                place.mkdir()
                fill(place)
                filled.touch()
        return Path(shutil.copytree(place, tmp_path_factory.mktemp(name) / name))

    return folder


# --- runs made for a test ---------------------------------------------------------------------

SMALL = {
    "tasks": [
        {"name": "sample-sst", "as": "sst", "train": 24, "dev": 12, "test": 12},
        {"name": "sample-pd", "as": "pd", "train": 40, "dev": 12, "test": 12},
        {"name": "sample-sts", "as": "sts", "train": 16, "dev": 12, "test": 12},
    ],
    "encoder": {
        "name": "minbert",
        "layers": 1,
        "width": 16,
        "attention_heads": 2,
        "intermediate": 32,
    },
    "train": {"lr": 1e-2, "batch_size": 4, "steps": 3},
}


def requested(
    folder: Path,
    changes: Mapping[str, Any],
    seed: int,
    plugins: Sequence[Path],
    device: str = "cpu",
) -> Any:
    """Write the request of a small run into a store of its own, and return the run's folder."""
    from mtbench.components.registry import Registry
    from mtbench.matrix.configuration import overlay
    from mtbench.matrix.file import NamedCell
    from mtbench.store import REQUEST, Store
    from mtbench.study.planner import Planner
    from mtbench.study.requests import request
    from mtbench.system.files import write_json

    store = Store(folder)
    named = NamedCell("a cell", overlay(SMALL, changes))
    planner = Planner(Registry.load(plugins), store, device)
    (cell,) = planner.plan("a plan", [named], [seed]).cells
    assert cell.rejection is None, cell.rejection
    run = cell.runs[0]
    made = store.run(run.key)
    made.path.mkdir(parents=True, exist_ok=True)
    write_json(made.path / REQUEST, request(cell, run, plugins, device=device).model_dump())
    return made


def complete_result(**changes: Any) -> Any:
    """Return the result of a run that was trained, with these fields; train scores as dev."""
    from mtbench.store import Result

    scores = changes.pop("scores", {"dev": {}})
    tasks = [*scores["dev"]]
    return Result.model_validate(
        {
            "scores": {"train": scores["dev"], **scores},
            "overall": None,
            "untrained": [],
            "selected_step": 1,
            "evaluations": 1,
            "left_out": {task: {"train": 0, "dev": 0} for task in tasks},
            "texts": {},
            "hashes": {"initial_weights": {}, "batches": "", "order": dict.fromkeys(tasks, "")},
            "arithmetic": {},
            "cost": {
                "steps": 1,
                "examples": dict.fromkeys(tasks, 1),
                "tokens": 1,
                "encoder_passes": 1,
                "seconds": {"training": 1.0, "computing": 1.0, "evaluation": 1.0, "total": 4.0},
                "peak_memory_mb": None,
            },
            **changes,
        }
    )


def complete_identity(**changes: Any) -> Any:
    """Return the identity of a cell without tasks, with these fields."""
    from mtbench.store import Identity

    parts = ("encoder", "balancer", "combiner")
    config = {part: {"name": part} for part in parts} | {
        "tasks": {},
        "heads": {},
        "train": {"batch_size": 8, "steps": 50, "epochs": None, "evaluations": 1},
        "data": {"fraction": 1.0},
    }
    order = [*changes.get("config", config)["tasks"]]
    fields = {"numerics": 2, "device": "cpu", "task_order": order, "data": {}, "weights": None}
    return Identity.model_validate({**fields, "config": config, "code": {}, **changes})


def complete_request(**changes: Any) -> Any:
    """Return the request of a run, with these fields."""
    from mtbench.store import Request, run_key

    identity, seed = changes.get("identity", complete_identity()), changes.get("seed", 0)
    config = identity.config
    return Request.model_validate(
        {
            "format": 1,
            "matrix": "a study",
            "key": run_key(identity.text, seed),
            "cell": "a cell",
            "seed": seed,
            "device": "cpu",
            "config": {**config, "data": {**config["data"], "dir": None}},
            "identity": identity,
            "plugins": [],
            "blocked": [],
            "providers": {},
            "versions": {"mtl-bench": "0.1.0"},
            "machine": {"cores": 2},
            **changes,
        }
    )


@pytest.fixture(scope="session")
def a_result() -> Callable[..., Any]:
    """Give a function that returns a complete result, with the fields that a test names."""
    return complete_result


@pytest.fixture(scope="session")
def an_identity() -> Callable[..., Any]:
    """Give a function that returns a complete identity, with the fields that a test names."""
    return complete_identity


@pytest.fixture(scope="session")
def a_request() -> Callable[..., Any]:
    """Give a function that returns a complete request, with the fields that a test names."""
    return complete_request


@pytest.fixture
def write_stored(tmp_path: Path) -> Callable[..., Any]:
    """Give a function that writes a stored run by hand, with predictions and their scores."""
    import numpy as np

    from mtbench.metrics import METRICS
    from mtbench.store import PREDICTIONS, REQUEST, Store
    from mtbench.system.files import write_json

    def write(
        tasks: Mapping[str, tuple[str, Sequence[float], Sequence[float]]],
        *,
        seed: int = 0,
        key: str = "",
        cell: str = "a cell",
        matrix: str = "a study",
        store: str = "store",
        request: Mapping[str, Any] | None = None,
        hashes: Mapping[str, Any] | None = None,
        ids: Sequence[str] = (),
    ) -> Any:
        """Write a run whose tasks have a metric, labels and predictions each."""
        changed = dict(request or {})
        identity = dict(changed.pop("identity", {}))  # fields of it, or all
        config = identity.get("config") or {
            **complete_identity().config,
            "tasks": {task: {"name": task} for task in tasks},
            "encoder": {"name": f"{matrix} {cell}"},  # which tells its key from others
        }
        for section, table in changed.pop("config", {}).items():
            config = {**config, section: {**config[section], **table}}
        changed["config"] = {**config, "data": {"dir": None, **config["data"]}}
        counting = {name: value for name, value in config["data"].items() if name != "dir"}
        identity["config"] = {**config, "data": counting}
        changed["identity"] = complete_identity(**identity)
        asked = complete_request(matrix=matrix, cell=cell, seed=seed, **changed)
        scores = {
            task: {metric: METRICS[metric](predicted, labels)}
            for task, (metric, labels, predicted) in tasks.items()
        }
        values = [value for metrics in scores.values() for value in metrics.values()]
        defined = [value for value in values if value is not None]
        order = {"batches": "", "order": dict.fromkeys(tasks, "")}
        result = complete_result(
            scores={"dev": scores},
            overall=sum(defined) / len(values) if len(defined) == len(values) else None,
            hashes={"initial_weights": {}, **order, **(hashes or {})},
        )
        arrays = {}
        for task, (_, labels, predicted) in tasks.items():
            arrays[f"{task}.ids"] = np.array(ids or [f"e{i}" for i in range(len(labels))])
            arrays[f"{task}.labels"] = np.array(labels, float)
            arrays[f"{task}.predictions"] = np.array(predicted, float)
        key = key or asked.key
        folder = Store(tmp_path / store).create(key)
        write_json(folder.path / REQUEST, {**asked.model_dump(), "key": key})
        np.savez(folder.path / PREDICTIONS, **arrays)
        folder.end(result)
        return folder

    return write


@pytest.fixture(autouse=True)
def free_choice_of_algorithms() -> Iterator[None]:
    """Undo what a run that is prepared in this process asks of torch."""
    yield
    if torch := sys.modules.get("torch"):
        torch.set_deterministic_debug_mode("default")
        torch.utils.deterministic.fill_uninitialized_memory = True


@pytest.fixture(scope="session")
def small() -> dict[str, Any]:
    """The configuration of the small runs: three sample tasks, one narrow layer, three steps."""
    return SMALL


@pytest.fixture
def request_run(tmp_path: Path) -> Callable[..., Any]:
    """Give a function that writes the request of a small run and returns its folder."""

    def write(
        changes: Mapping[str, Any] | None = None,
        *,
        seed: int = 0,
        plugins: Sequence[Path] = (),
        store: str = ".mtbench",
        device: str = "cpu",
    ) -> Any:
        return requested(tmp_path / store, changes or {}, seed, plugins, device)

    return write


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Give a function that trains a small run in this process, and returns its folder.

    What was trained for one test is there for the next; nobody may change it.
    """
    from mtbench.runs.runner import execute

    root = tmp_path_factory.mktemp("trained")

    def train(changes: Mapping[str, Any] | None = None, *, seed: int = 0) -> Any:
        folder = requested(root, changes or {}, seed, ())
        if folder.state() != "done":
            execute(folder)
        return folder

    return train
