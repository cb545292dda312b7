import inspect
from collections.abc import Callable
from typing import Any, get_args, get_type_hints

import pluggy
import pytest

from mtbench import hookspecs
from mtbench.specs import KINDS, CombinerSpec

HOOKS = {name: hook for name, hook in vars(hookspecs).items() if name.startswith("mtbench_")}


def test_there_is_one_hook_a_kind() -> None:
    assert list(HOOKS) == [f"mtbench_{kind}s" for kind in KINDS]


@pytest.mark.parametrize("kind", KINDS)
def test_a_hook_takes_nothing_and_returns_the_specs_of_its_kind(kind: str) -> None:
    hook: Callable[..., Any] = HOOKS[f"mtbench_{kind}s"]
    assert not inspect.signature(hook).parameters
    assert get_args(get_type_hints(hook)["return"]) == (KINDS[kind],)


@pytest.mark.parametrize("hook", HOOKS.values(), ids=HOOKS)
def test_a_hook_is_documented(hook: Callable[..., Any]) -> None:
    assert (inspect.getdoc(hook) or "").endswith(".")


def test_pluggy_finds_the_hooks_and_calls_an_implementation() -> None:
    spec = CombinerSpec(name="mean", summary="", target="package.module:Mean", needs="losses")

    class Plugin:
        @hookspecs.hookimpl
        def mtbench_combiners(self) -> list[CombinerSpec]:
            return [spec]

    manager = pluggy.PluginManager(hookspecs.NAMESPACE)
    manager.add_hookspecs(hookspecs)
    manager.register(Plugin())
    manager.check_pending()
    assert manager.hook.mtbench_combiners() == [[spec]]
