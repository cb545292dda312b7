"""What all tests share: a clean environment, seeded generators, and the real data where it is."""

import importlib
import os
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]


def pytest_configure() -> None:
    """Set what processes inherit and libraries read on import, before any test is imported."""
    os.environ.pop("MTBENCH_DATA", None)
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["OMP_NUM_THREADS"] = "1"
    settings.register_profile("mtbench", deadline=None, derandomize=True)
    settings.load_profile("mtbench")


@pytest.fixture(autouse=True)
def deterministic() -> None:
    """Seed the global generators and keep torch to one thread, where torch is there at all."""
    random.seed(0)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)
        torch.set_num_threads(1)


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
def new_modules(tmp_path: Path) -> Iterator[None]:
    """Forget, after the test, the modules that were imported from its folder."""
    yield
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        places = [file] if file else getattr(module, "__path__", ())
        if any(Path(place).is_relative_to(tmp_path) for place in places):
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
