"""Memory: what a contender takes at its peak, measured in a process of its own.

``python -m contenders.memory WORK NAME THREADS``, where WORK is a pickled ``Work``.
"""

import pickle
import resource
import subprocess
import sys
from itertools import islice
from pathlib import Path

from contenders import CONTENDERS

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
    __import__(entry.needs)
    __import__(f"contenders.{entry.module}")
    before = peak()
    contender = entry.build(work)
    for taken in islice(work.draws(), STEPS):
        contender.step(taken)
    sys.stdout.write(f"{peak() - before:.1f}\n")


def peak() -> float:
    """Return the largest resident size of this process so far, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux hands ru_maxrss on from the process that started this one
        lines = dict(line.split(":", 1) for line in status.read_text("utf-8").splitlines())
        return int(lines["VmHWM"].split()[0]) / 2**10
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    main(*sys.argv[1:])
