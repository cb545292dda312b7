"""``python -m mtbench`` is the command line."""

from mtbench.cli import main

main()
