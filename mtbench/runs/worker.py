"""The worker: the process in which one run is trained (``python -m mtbench.runs.worker``)."""

import atexit
import os
import sys
import traceback
from contextlib import suppress
from pathlib import Path

from mtbench.errors import MtbenchError
from mtbench.runs.runner import execute
from mtbench.store import LOG, REQUEST, Failure, RunFolder
from mtbench.store.owners import seconds_alive
from mtbench.system.processes import UNWRITTEN, orders
from mtbench.system.tracebacks import MEMORY_HELP, is_out_of_memory, summary


def main(folder: str, request: str, *plugins: str) -> None:
    """Train a run; a failure is a result with its traceback.

    Where another process trains the same run, wait for it and leave its files alone.

    Args:
        folder: the run's.
        request: file with the request, which becomes the run's once its turn has come.
        plugins: plugin files that are loaded; the request only records them.

    Raises:
        OSError: if the run's folder cannot be written, not even the result of a failure.
    """
    # What starting Python and importing torch took is the run's too; waiting for others is not.
    before = seconds_alive()
    run = RunFolder(Path(folder))
    with run.owned():
        if run.state() == "done":
            return
        run.clear()
        Path(request).replace(run.path / REQUEST)
        _write_output_to(run.path / LOG)
        try:
            execute(run, list(map(Path, plugins)), before=before)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a plugin's exit is no silent end
            text = traceback.format_exc()
            with suppress(OSError):  # the log may be on the disk that is full
                sys.stderr.write(text)
            _end_failed(run, failure(error, text))


def failure(error: BaseException, text: str) -> Failure:
    """Return the result of a run that failed: its error in one line, and the traceback."""
    message = " ".join(str(error).split()) if isinstance(error, MtbenchError) else ""
    if is_out_of_memory(error):
        message = f"{summary(error)}; {MEMORY_HELP}"
    return Failure(error=message or summary(error), traceback=text)


def _end_failed(run: RunFolder, failed: Failure) -> None:
    try:
        run.end(failed)
    except OSError:
        run.clear()  # on a full disk, what the run wrote takes the room that this needs
        run.end(failed)


def _write_output_to(log: Path) -> None:
    """Send what this process prints to a file, that of libraries below Python too."""
    with log.open("wb") as file:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(file.fileno(), stream.fileno())


if __name__ == "__main__":
    orders()  # none are given, but it must not go on alone
    try:
        main(*sys.argv[1:])
    except OSError:
        with suppress(OSError):
            traceback.print_exc()
        # Not ``sys.exit``: the interpreter flushes the log once more, which fails as well, and
        # ends with a status of its own.
        os._exit(UNWRITTEN)
    atexit._run_exitfuncs()  # what components and libraries have asked for
    with suppress(OSError):  # of a log on a disk that is full; the result is written
        sys.stdout.flush()
        sys.stderr.flush()
    # Not by itself: the interpreter waits for a component's threads, which may never end.
    os._exit(0)
