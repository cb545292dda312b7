"""Memory: what a contender takes at its peak, measured in a process of its own.

``python -m contenders.memory WORK NAME THREADS``, where WORK is a pickled ``Work``.
"""

import pickle
import subprocess
import sys
from importlib import import_module
from itertools import islice
from pathlib import Path

from contenders import CONTENDERS
from mtbench.store.history import peak_memory_mb as peak

STEPS = 3


def peak_memory_mb(work: Path, name: str, threads: int) -> float:
    """Return MB (2^20) between a process before it builds a contender and its peak in 3 steps."""
    command = [sys.executable, "-m", "contenders.memory", str(work), name, str(threads)]
    folder = Path(__file__).parents[1]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return float(done.stdout.splitlines()[-1])


def main(work_file: str, name: str, threads: str) -> None:
    """Take the steps, and write the number."""
    import torch

    torch.set_num_threads(int(threads))
    work = pickle.loads(Path(work_file).read_bytes())
    entry = CONTENDERS[name]
    import_module(entry.needs)
    import_module(f"contenders.{entry.module}")
    before = peak()
    contender = entry.build(work)
    for taken in islice(work.draws(), STEPS):
        contender.step(taken)
    after = peak()
    assert before is not None  # as on every system that tells a process its size
    assert after is not None
    sys.stdout.write(f"{after - before:.1f}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
