import json
import sys

from mtbench.store.machines import machine


def test_machine() -> None:
    described = machine()

    assert set(described) == {"system", "processor", "cores", "python"}
    assert described["python"] == ".".join(str(part) for part in sys.version_info[:3])
    assert json.loads(json.dumps(described)) == described
