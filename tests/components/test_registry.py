import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mtbench.components.entries import Provider, load_target
from mtbench.components.registry import Registry
from mtbench.errors import ExitCode, PluginError, UsageError
from mtbench.specs import KINDS

Install = Callable[..., Path]

BUILTINS = "mtl-bench"
"""The distribution that the built-in plugins come in."""

IMPORTS = "from mtbench.api import BalancerSpec, HeadSpec, hookimpl\n"


def heads(*names: str) -> str:
    """Return the source of a plugin with these heads."""
    specs = ", ".join(f"HeadSpec(name={name!r}, summary='', target='x:X')" for name in names)
    return f"{IMPORTS}\n@hookimpl\ndef mtbench_heads():\n    return [{specs}]\n"


def fake(registry: Registry, distribution: str = "fake") -> list[tuple[str | None, str]]:
    """Return hook and reason of what is broken in a distribution."""
    return [
        (problem.hook, problem.reason)
        for problem in registry.problems
        if problem.provider.distribution == distribution
    ]


# --- what comes in ----------------------------------------------------------------------------


def test_the_built_in_plugins_come_in() -> None:
    registry = Registry.load()

    built_in = [entry for entry in registry.entries if entry.provider.distribution == BUILTINS]
    assert {entry.spec.kind for entry in built_in} == {*KINDS}
    assert registry.problems == []


def test_the_built_in_plugins_come_in_by_entry_points_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mtbench.components.registry.entry_points", lambda group: ())

    assert Registry.load().entries == []


def test_a_distribution_brings_its_components(install: Install) -> None:
    install("fake-heads", heads("tall", "wide-one"), version="2.3")

    registry = Registry.load()

    assert registry.problems == []
    assert registry.find("head", "wide-one").provider == Provider(
        "fake-heads", "2.3", "fake_heads"
    )
    assert {"tall", "wide-one", "linear"} <= {*registry.names("head")}


def test_a_plugin_may_bring_several_kinds(install: Install) -> None:
    more = """
@hookimpl
def mtbench_balancers():
    yield BalancerSpec(name="tall", summary="", target="x:X")
"""
    install("fake", heads("tall") + more)

    registry = Registry.load()

    assert registry.find("head", "tall").spec.kind == "head"
    assert registry.find("balancer", "tall").spec.kind == "balancer"
    assert registry.problems == []


# --- what is broken ---------------------------------------------------------------------------

GOOD = heads("good").removeprefix(IMPORTS)

WHOLE_PLUGINS = {
    "import error": ("import no_such_module", "ModuleNotFoundError: No module named"),
    "error on import": ("1 / 0", "ZeroDivisionError: division by zero"),
    "syntax error": ("def (:", "SyntaxError: "),
    "exit on import": ("raise SystemExit('needs a GPU')", "SystemExit: needs a GPU"),
    "own kind on import": (
        "class Stop(BaseException): ...\nraise Stop('enough')",
        "Stop: enough (fake.py:2)",
    ),
    "silent exit on import": ("import sys; sys.exit()", "SystemExit"),
    "hook with arguments": (
        f"{IMPORTS}\n@hookimpl\ndef mtbench_heads(config):\n    return []",
        "PluginValidationError: Plugin 'fake' for hook 'mtbench_heads' hookimpl definition: "
        "mtbench_heads(config) Argument(s) {'config'} are declared in the hookimpl",
    ),
}


@pytest.mark.parametrize(("source", "reason"), WHOLE_PLUGINS.values(), ids=WHOLE_PLUGINS)
def test_a_plugin_that_cannot_be_loaded(install: Install, source: str, reason: str) -> None:
    install("fake", source)
    install("other", heads("good"))

    registry = Registry.load()

    ((hook, found),) = fake(registry)
    assert hook is None
    assert found.startswith(reason)
    assert "\n" not in found
    assert registry.find("head", "good").provider.distribution == "other"
    assert registry.find("head", "linear").provider.distribution == BUILTINS


HOOK_ALONE = {
    "misspelt hook": (
        "@hookimpl\ndef mtbench_head():\n    return []",
        ("mtbench_head", "there is no such hook; did you mean mtbench_heads?"),
    ),
    "hook without a likeness": (
        "@hookimpl\ndef frobnicate():\n    return []",
        ("frobnicate", "there is no such hook"),
    ),
    "hook without its mark": (
        "def mtbench_tasks():\n    return []",
        ("mtbench_tasks", "the function is not marked @hookimpl"),
    ),
    "hook that raises": (
        "@hookimpl\ndef mtbench_tasks():\n    raise RuntimeError('not\\ntoday')",
        ("mtbench_tasks", "RuntimeError: not today (fake.py:{})"),
    ),
    "hook that exits": (
        "@hookimpl\ndef mtbench_tasks():\n    raise SystemExit(3)",
        ("mtbench_tasks", "SystemExit: 3 (fake.py:{})"),
    ),
    "hook that raises on the way": (
        "@hookimpl\ndef mtbench_balancers():\n"
        "    yield BalancerSpec(name='half', summary='', target='x:X')\n    1 / 0",
        ("mtbench_balancers", "ZeroDivisionError: division by zero (fake.py:{})"),
    ),
    "hook that returns nothing": (
        "@hookimpl\ndef mtbench_tasks():\n    pass",
        ("mtbench_tasks", "TypeError: 'NoneType' object is not iterable"),
    ),
    "what is no spec": (
        "@hookimpl\ndef mtbench_tasks():\n    return ['sst']",
        ("mtbench_tasks", "expected a TaskSpec, got 'sst'"),
    ),
    "what cannot be shown": (
        "class Mute:\n    def __repr__(self): raise ValueError('no words')\n"
        "@hookimpl\ndef mtbench_tasks():\n    return [Mute()]",
        ("mtbench_tasks", "a spec that cannot be read: ValueError: no words"),
    ),
    "a spec that cannot be made": (
        "@hookimpl\ndef mtbench_tasks():\n    return [HeadSpec(name='x')]",
        (
            "mtbench_tasks",
            "TypeError: HeadSpec.__init__() missing 2 required keyword-only arguments: "
            "'summary' and 'target' (fake.py:{})",
        ),
    ),
}


@pytest.mark.parametrize(("source", "problem"), HOOK_ALONE.values(), ids=HOOK_ALONE)
def test_a_broken_hook_leaves_the_others_of_its_plugin(
    install: Install, source: str, problem: tuple[str, str]
) -> None:
    install("fake", f"{IMPORTS}\n{GOOD}\n{source}\n")

    registry = Registry.load()

    hook, reason = problem
    line = len(f"{IMPORTS}\n{GOOD}\n{source}".splitlines())
    assert fake(registry) == [(hook, reason.format(line))]
    assert registry.find("head", "good").provider.distribution == "fake"
    assert registry.find("head", "linear").provider.distribution == BUILTINS


def test_what_else_a_plugin_holds_is_let_be(install: Install) -> None:
    """A proxy raises, whatever it is asked for, as long as there is nothing behind it."""
    proxy = (
        "class Proxy:\n    def __getattr__(self, name): raise RuntimeError(name)\nproxy = Proxy()"
    )
    install("fake", f"{heads('good')}\n{proxy}")

    registry = Registry.load()

    assert (fake(registry), registry.find("head", "good").provider.distribution) == ([], "fake")


def test_a_file_that_nests_too_deeply_is_a_broken_plugin(tmp_path: Path) -> None:
    (tmp_path / "deep_plugin.py").write_text(f"x = {'-' * 5000}1")

    (problem,) = Registry.load([tmp_path / "deep_plugin.py"]).problems

    assert problem.provider.distribution == "deep_plugin.py"


SPECS = {
    "api=2": "'tall' is for plugin api 2; this mtbench has api 1",
    "promises=frozenset({'symetric'})": (
        "unknown promise 'symetric' in tall; did you mean 'symmetric'? (known: symmetric)"
    ),
}


@pytest.mark.parametrize(("field", "reason"), SPECS.items(), ids=SPECS)
def test_a_spec_with_a_field_that_cannot_be(install: Install, field: str, reason: str) -> None:
    install("fake", heads("good", "tall").replace("'tall',", f"'tall', {field},"))

    registry = Registry.load()

    assert fake(registry) == [("mtbench_heads", reason)]
    assert registry.find("head", "good").provider.distribution == "fake"


def test_a_spec_of_another_kind(install: Install) -> None:
    install("fake", heads("tall").replace("mtbench_heads", "mtbench_combiners"))

    registry = Registry.load()

    ((hook, reason),) = fake(registry)
    assert hook == "mtbench_combiners"
    assert reason.startswith("expected a CombinerSpec, got HeadSpec(name='tall'")
    assert "tall" not in registry.names("head") + registry.names("combiner")


@pytest.mark.parametrize("name", ["Tall", "", "a b", "a_b", "-a", "a--b", "a/b", "a\n", "é"])
def test_a_bad_name_leaves_the_others_of_its_hook(install: Install, name: str) -> None:
    install("fake", heads(name, "good"))

    registry = Registry.load()

    assert [(hook, "is not lower-case words" in reason) for hook, reason in fake(registry)] == [
        ("mtbench_heads", True)
    ]
    assert registry.find("head", "good").provider.distribution == "fake"


def test_a_name_that_is_no_text(install: Install) -> None:
    install("fake", heads("good").replace("'good'", "3"))

    assert fake(Registry.load()) == [
        ("mtbench_heads", "the name 3 is not lower-case words joined by '-'")
    ]


def test_a_name_given_twice_in_a_distribution(install: Install) -> None:
    install("fake", heads("tall", "tall"))

    registry = Registry.load()

    assert fake(registry) == [("mtbench_heads", "the name 'tall' is given twice")]
    assert registry.find("head", "tall").provider.distribution == "fake"


@pytest.mark.parametrize("value", ["object()", "5", "{}", "print"])
def test_an_entry_point_that_is_no_module(install: Install, value: str) -> None:
    install("fake", f"plugin = {value}\n", point="fake:plugin")

    ((hook, reason),) = fake(Registry.load())

    assert hook is None
    assert reason.startswith("TypeError: expected a module, got ")


def test_a_distribution_without_its_metadata(install: Install) -> None:
    file = install("fake", heads("tall"))
    (file.parent / "fake-1.0.dist-info" / "METADATA").unlink()

    entry = Registry.load().find("head", "tall")

    assert entry.provider == Provider("(unnamed)", "", "fake")


@pytest.mark.parametrize("source", ["{}", "@hookimpl\ndef mtbench_heads():\n    {}"])
def test_a_plugin_that_gets_no_memory_is_not_broken(install: Install, source: str) -> None:
    hungry = source.format("bytearray(1 << 60)")
    install("hungry", f"from mtbench.api import hookimpl\n\n\n{hungry}\n")

    with pytest.raises(MemoryError):
        Registry.load()


def test_a_problem_in_one_line(install: Install) -> None:
    install("fake", heads("Tall"), version="0.7")

    (problem,) = Registry.load().problems

    assert str(problem) == (
        "fake (fake 0.7, mtbench_heads): the name 'Tall' is not lower-case words joined by '-'"
    )


# --- two plugins with one name ----------------------------------------------------------------


def test_two_distributions_with_one_name(install: Install) -> None:
    install("fake", heads("linear", "tall"))

    registry = Registry.load()

    ((hook, reason),) = [
        (p.hook, p.reason)
        for p in registry.problems
        if p.provider.distribution in ("fake", BUILTINS)
    ]
    assert hook == "mtbench_heads"
    assert reason == (
        "the head 'linear' comes from more than one plugin: "
        "write 'fake/linear' or 'mtl-bench/linear'"
    )
    with pytest.raises(PluginError) as caught:
        registry.find("head", "linear")
    assert str(caught.value) == reason
    assert caught.value.exit_code == ExitCode.PLUGIN_BROKEN
    assert registry.find("head", "fake/linear").provider.distribution == "fake"
    assert registry.find("head", "mtl-bench/linear").provider.distribution == BUILTINS
    assert registry.find("head", "tall").provider.distribution == "fake"


def test_a_conflict_is_no_suspect(install: Install) -> None:
    """What two plugins bring is there: it explains no name that nothing has."""
    install("fake", heads("linear"))

    with pytest.raises(UsageError, match="did you mean 'linear'"):
        Registry.load().find("head", "lineer")


def test_one_name_in_two_kinds_is_no_conflict(install: Install) -> None:
    install("fake", heads("sum"))

    registry = Registry.load()

    assert registry.problems == []
    assert registry.find("combiner", "sum").provider.distribution == BUILTINS


# --- what is not found ------------------------------------------------------------------------


def test_looking_up_a_name_of_two_kinds(install: Install) -> None:
    install("fake", heads("sum"))

    kinds = [entry.spec.kind for entry in Registry.load().lookup("sum")]

    assert sorted(kinds) == ["combiner", "head"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("linaer", "unknown component 'linaer'; did you mean 'linear'?"),
        ("haed:linear", "unknown kind 'haed'; did you mean 'head'?"),
        ("head:linaer", "unknown head 'linaer'; did you mean 'linear'?"),
    ],
)
def test_looking_up_what_is_not_there(name: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        Registry.load().lookup(name)
    assert str(caught.value).startswith(message)


def test_an_unknown_name() -> None:
    with pytest.raises(UsageError) as caught:
        Registry.load().find("head", "relucosine")

    assert str(caught.value) == (
        "unknown head 'relucosine'; did you mean 'relu-cosine'? "
        f"(known: {', '.join(Registry.load().names('head'))})"
    )
    assert caught.value.exit_code == ExitCode.USAGE


def test_a_name_of_another_distribution() -> None:
    with pytest.raises(UsageError, match=r"unknown head 'fake/linear'; did you mean 'linear'\?"):
        Registry.load().find("head", "fake/linear")


def test_the_former_address_of_a_built_in_is_refused_with_the_present_one() -> None:
    registry = Registry.load()

    for entry in registry.entries:
        kind, name = entry.spec.kind, entry.spec.name
        hint = re.escape(f"'mtbench/{name}'; did you mean 'mtl-bench/{name}'?")
        with pytest.raises(UsageError, match=f"^unknown {kind} {hint}"):
            registry.find(kind, f"mtbench/{name}")
        with pytest.raises(UsageError, match=f"^unknown component {hint}"):
            registry.lookup(f"mtbench/{name}")


def test_who_has_a_name_that_another_distribution_lacks(install: Install) -> None:
    install("mtl-bench-fake", heads("tall", "cosine"))
    registry = Registry.load()

    with pytest.raises(UsageError) as caught:
        registry.find("head", "mtbench-fake/cosine")
    assert str(caught.value) == (
        "unknown head 'mtbench-fake/cosine'; did you mean 'mtl-bench-fake/cosine'? "
        "(known: cosine, mtl-bench-fake/cosine, mtl-bench/cosine)"
    )
    with pytest.raises(UsageError, match=r"^unknown encoder 'mtl-bench-fake/tall' \(known: hug"):
        registry.find("encoder", "mtl-bench-fake/tall")


def test_an_unknown_name_while_a_plugin_is_broken(install: Install) -> None:
    install("fake", "import no_such_module")

    with pytest.raises(PluginError) as caught:
        Registry.load().find("head", "tall")

    assert caught.value.exit_code == ExitCode.PLUGIN_BROKEN
    assert str(caught.value).startswith("unknown head 'tall' (known: abs-diff, ")
    assert str(caught.value).endswith(
        "a broken plugin may have brought it: "
        "fake (fake 1.0): ModuleNotFoundError: No module named 'no_such_module' (fake.py:1)"
    )


def test_what_was_told_of_a_broken_plugin_is_not_told_again(install: Install) -> None:
    install("fake", "import no_such_module")
    told: list[str] = []

    registry = Registry.open(warn=told.append)

    assert told == [f"broken plugin {problem}" for problem in registry.problems]
    assert "no_such_module" in told[0]
    with pytest.raises(
        PluginError, match=r"; a broken plugin may have brought it: fake \(fake 1.0\)$"
    ):
        registry.find("head", "tall")


@pytest.mark.parametrize("source", [heads("tall"), "import no_such_module", heads("Tall")])
def test_an_installed_plugin_that_is_given_as_a_file_is_one_plugin(
    install: Install, source: str
) -> None:
    file = install("fake", source)
    installed = Registry.load()

    registry = Registry.load([file])

    assert registry.problems == installed.problems
    assert registry.entries == installed.entries


def test_a_module_of_two_entry_points_is_one_plugin(install: Install) -> None:
    install("fake", heads("tall"))
    install("other", "", point="fake")

    registry = Registry.load()

    assert registry.problems == []
    assert registry.find("head", "tall").provider.distribution == "fake"


def test_a_broken_file_is_told_with_the_line_of_what_it_imports(file: Path) -> None:
    file.write_text("from a_broken_helper import specs\n\nspecs()\n")
    helper = file.with_name("a_broken_helper.py")
    helper.write_text("def specs():\n    import json\n\n    return json.loads('')\n")

    (problem,) = Registry.load([file]).problems

    assert problem.reason.startswith("JSONDecodeError: ")
    assert problem.reason.endswith(" (a_broken_helper.py:4)")  # not that of json


TORCHJD = "mtl-bench-torchjd"


@pytest.mark.parametrize("name", ["torchjd-upgrad", "torchjd-graddrop", f"{TORCHJD}/torchjd-mean"])
def test_a_name_that_a_distribution_of_ours_would_bring(install: Install, name: str) -> None:
    hint = f"'pip install {TORCHJD}' brings it"
    for look_up in (
        lambda: Registry.load().find("combiner", name),
        lambda: Registry.load().lookup(name),
    ):
        with pytest.raises(UsageError, match=rf"^unknown com.* '{name}'.*; {hint}$"):
            look_up()

    install(TORCHJD, heads("something"))
    with pytest.raises(UsageError) as caught:
        Registry.load().find("combiner", name)
    assert hint not in str(caught.value)


def test_a_name_that_is_like_none_may_be_of_a_file() -> None:
    with pytest.raises(
        UsageError, match=r"; --plugin FILE takes .*, 'pip install -e FOLDER' a package$"
    ):
        Registry.load().find("head", "tall")
    with pytest.raises(UsageError, match=r"; did you mean 'cosine'\? \(known: [^;]*\)$"):
        Registry.load().find("head", "cosin")


def test_a_broken_hook_is_a_suspect_for_its_own_kind_only(install: Install) -> None:
    install("fake", heads("Tall"))

    registry = Registry.load()

    with pytest.raises(PluginError, match="the name 'Tall'"):
        registry.find("head", "tall")
    with pytest.raises(UsageError, match="unknown combiner 'tall'"):
        registry.find("combiner", "tall")


def test_a_misspelt_hook_is_a_suspect_for_every_kind(install: Install) -> None:
    install("fake", "from mtbench.api import hookimpl\n@hookimpl\ndef mtbench_hats(): return []")

    with pytest.raises(PluginError, match="mtbench_hats"):
        Registry.load().find("combiner", "tall")


# --- plugin files -----------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path, new_modules: None) -> Path:
    """Give the path of a plugin file with the head ``tall``."""
    path = tmp_path / "my_file_plugin.py"
    path.write_text(heads("tall").replace("'x:X'", "'my_file_plugin:Tall'") + "class Tall: ...\n")
    return path


def test_a_file_is_a_plugin(file: Path) -> None:
    registry = Registry.load([file])

    entry = registry.find("head", "tall")
    assert entry.provider == Provider("my_file_plugin.py", "", "my_file_plugin")
    assert load_target(entry, entry.spec.target).__name__ == "Tall"
    assert registry.problems == []
    assert "tall" not in Registry.load().names("head")


def test_a_file_is_read_anew_each_time(file: Path) -> None:
    Registry.load([file])
    file.write_text(heads("short"))

    names = Registry.load([file]).names("head")

    assert "short" in names
    assert "tall" not in names


def test_a_file_with_the_name_of_a_built_in_component(file: Path) -> None:
    file.write_text(heads("linear"))

    registry = Registry.load([file])

    with pytest.raises(PluginError, match=r"'my_file_plugin\.py/linear'"):
        registry.find("head", "linear")
    entry = registry.find("head", "my_file_plugin.py/linear")
    assert entry.provider.module == "my_file_plugin"


def test_an_error_in_a_file(file: Path) -> None:
    file.write_text("import no_such_module")

    registry = Registry.load([file])

    assert [str(problem) for problem in registry.problems] == [
        "my_file_plugin (my_file_plugin.py): ModuleNotFoundError: "
        "No module named 'no_such_module' (my_file_plugin.py:1)"
    ]
    assert "my_file_plugin" not in sys.modules
    with pytest.raises(PluginError, match="no_such_module"):
        registry.find("head", "tall")


def test_a_file_that_is_given_twice_is_one_plugin(file: Path) -> None:
    registry = Registry.load([file, file.parent / "." / file.name])

    assert registry.problems == []
    assert [entry.spec.name for entry in registry.entries].count("tall") == 1


# --- plugins that are blocked -----------------------------------------------------------------


@pytest.mark.parametrize("name", ["fake-heads", "Fake_Heads", "plugin", "fake.heads/plugin"])
def test_a_plugin_is_blocked_by_the_name_of(install: Install, name: str) -> None:
    install("fake-heads", "raise RuntimeError('it is not even imported')")

    registry = Registry.open(blocked=[name])

    assert registry.problems == []
    assert registry.blocked == [Provider("fake-heads", "1.0", "fake_heads")]
    assert registry.find("head", "linear").provider.distribution == BUILTINS


def test_blocking_one_of_two_plugins_with_one_name_settles_it(install: Install) -> None:
    install("fake", heads("linear"))

    registry = Registry.load(blocked=["fake"])

    assert registry.problems == []
    assert registry.find("head", "linear").provider.distribution == BUILTINS
    others = Registry.load(blocked=["heads"])  # the entry point of our own
    assert others.find("head", "linear").provider.distribution == "fake"


def test_a_name_that_is_missing_may_be_a_blocked_plugins(file: Path) -> None:
    with pytest.raises(
        UsageError, match=r"^unknown head 'tall' .*; blocked with -p: my_file_plugi"
    ):
        Registry.load([file], blocked=["my_file_plugin"]).find("head", "tall")


def test_a_blocked_plugin_is_called_as_it_was_in_the_command(install: Install) -> None:
    install("mtbench-fake", heads("tall"))
    registry = Registry.load(blocked=["mtbench_fake", "no-such-plugin"])

    with pytest.raises(UsageError, match=r"; blocked with -p: mtbench_fake$"):
        registry.find("head", "tall")


def test_what_is_blocked_and_is_not_there() -> None:
    """A run that was stored with a plugin blocked is there when that plugin is gone."""
    assert Registry.load(blocked=["hedas"]).blocked == []
    with pytest.raises(UsageError, match=r"^unknown plugin 'hedas' in -p; did you mean 'heads'\?"):
        Registry.open(blocked=["hedas"])


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("summary", None, "str"),
        ("api", "1", "int"),
        ("promises", ["symmetric"], "Set"),
        ("example", None, "Mapping"),
        ("expected_failures", {"forward"}, "Mapping"),
    ],
)
def test_a_spec_with_a_field_of_another_type(
    install: Install, field: str, value: object, expected: str
) -> None:
    given = {"summary": "", field: value}
    spec = f"HeadSpec(name='tall', target='x:X', **{given!r})"
    install("fake", f"{IMPORTS}\n@hookimpl\ndef mtbench_heads(): return [{spec}]")

    assert fake(Registry.load()) == [
        ("mtbench_heads", f"'tall': {field} is {value!r}, no {expected}")
    ]
