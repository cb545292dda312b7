"""The worker: the process in which one run is trained (``python -m mtbench.worker FOLDER``)."""

import sys
import traceback
from pathlib import Path

from mtbench.errors import MtbenchError
from mtbench.runner import execute
from mtbench.store import RESULT, RunFolder, write_json


def main(path: str) -> None:
    """Train the run whose request lies in a folder; a failure is a result with its traceback.

    Where another process trains the same run, wait for it and take its result.
    """
    folder = RunFolder(Path(path))
    with folder.lock():
        if folder.state() == "done":
            return
        folder.clear()
        try:
            execute(folder)
        except Exception as error:
            text = traceback.format_exc()
            sys.stderr.write(text)
            write_json(folder.path / RESULT, failure(error, text))


def failure(error: Exception, text: str) -> dict[str, object]:
    """Return the result of a run that failed: its error in one line, and the traceback."""
    kind = "" if isinstance(error, MtbenchError) else f"{type(error).__name__}: "
    reason = " ".join(f"{kind}{error}".split()) or type(error).__name__
    return {"status": "failed", "error": reason, "traceback": text}


if __name__ == "__main__":
    main(sys.argv[1])
