"""The command line: ``python -m mtbench``, or ``mtbench``."""

from mtbench.system.interrupts import ignore, interruptible


def main() -> None:
    """Import the command line, which takes most of a short command's time, and run it."""
    try:
        with interruptible():
            from mtbench.cli import main as run

            run()
    finally:
        ignore()


if __name__ == "__main__":
    main()
