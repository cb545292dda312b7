import pytest

from mtbench.components.blocking import Blocking
from mtbench.errors import UsageError

PLUGINS = [
    ("heads", "mtl-bench"),
    ("heads", "their-heads"),
    ("tasks", "mtl-bench"),
    ("my_file", ""),
]


@pytest.mark.parametrize(
    ("name", "blocked"),
    [
        ("mtl-bench", [PLUGINS[0], PLUGINS[2]]),
        ("Their.Heads", [PLUGINS[1]]),
        ("their_heads/heads", [PLUGINS[1]]),
        ("MTL_bench/heads", [PLUGINS[0]]),
        ("tasks", [PLUGINS[2]]),
        ("my_file", [PLUGINS[3]]),
        ("my_file.py", []),
        ("their", []),
    ],
)
def test_what_a_name_blocks(name: str, blocked: list[tuple[str, str]]) -> None:
    blocking = Blocking([name, "nothing-has-this"])

    assert [plugin for plugin in PLUGINS if blocking.blocks(*plugin)] == blocked
    assert blocking.used == ([name] if blocked else [])
    if blocked:
        blocking.check([name])
    else:
        with pytest.raises(UsageError, match=rf"^unknown plugin '{name}' in -p"):
            blocking.check([name])


def test_a_name_of_two_distributions_is_refused() -> None:
    blocking = Blocking(["heads"])

    assert [plugin for plugin in PLUGINS if blocking.blocks(*plugin)] == PLUGINS[:2]
    with pytest.raises(UsageError) as caught:
        blocking.check(["heads"])
    assert str(caught.value) == (
        "-p no:heads: mtl-bench and their-heads have a plugin of that name; "
        "write no:DISTRIBUTION/ENTRYPOINT"
    )


def test_the_known_names_are_told() -> None:
    blocking = Blocking([])
    for plugin in PLUGINS:
        assert not blocking.blocks(*plugin)

    with pytest.raises(UsageError) as caught:
        blocking.check(["haeds"])
    assert str(caught.value) == (
        "unknown plugin 'haeds' in -p; did you mean 'heads'? "
        "(known: heads, mtl-bench, my_file, tasks, their-heads)"
    )


@pytest.mark.parametrize(
    ("former", "present"), [("mtbench", "mtl-bench"), ("mtbench/heads", "mtl-bench/heads")]
)
def test_the_former_name_of_the_built_ins_is_refused_with_the_present_one(
    former: str, present: str
) -> None:
    blocking = Blocking([former])

    assert not any(blocking.blocks(*plugin) for plugin in PLUGINS)
    with pytest.raises(UsageError, match=f"'{former}' in -p; did you mean '{present}'?"):
        blocking.check([former])
