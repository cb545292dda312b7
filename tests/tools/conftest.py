"""Makes ``tools`` importable: it is no part of the wheel, and lies in the root of the tree."""

import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[2])

# At the end: `mtbench` is the installed one, as for all other tests, and not the tree's.
if ROOT not in sys.path:
    sys.path.append(ROOT)
