"""Configurations as records hold them: with what is read of them by name."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, PositiveFloat, PositiveInt

from mtbench.store.fields import Fields


def _with_sections(config: dict[str, Any]) -> dict[str, Any]:
    for section in ("tasks", "encoder", "heads", "balancer", "combiner", "train", "data"):
        if not isinstance(config.get(section), dict):
            raise ValueError(f"{section} is missing or no table")
    components = {part: config[part] for part in ("encoder", "balancer", "combiner")}
    for section in ("tasks", "heads"):
        components |= {f"{section}.{name}": table for name, table in config[section].items()}
    for part, table in components.items():
        if not isinstance(table, dict) or not isinstance(table.get("name"), str):
            raise ValueError(f"{part} is no table with a name")
    return config


def covers(config: Any, counting: Any) -> bool:
    """Return whether a configuration has all of what counts of one, names aside.

    Names may have their distribution before them.
    """
    if isinstance(config, Mapping) and isinstance(counting, Mapping):
        return all(
            key in config and (key == "name" or covers(config[key], value))
            for key, value in counting.items()
        )
    return repr(config) == repr(counting)  # equal for NaN, too


ResolvedConfig = Annotated[dict[str, Any], AfterValidator(_with_sections)]
"""A configuration with every choice and default; see ``study.resolution``."""


class Budget(Fields):
    """What is reckoned with where a run's cost is told from another's."""

    batch_size: PositiveInt | dict[str, PositiveInt]
    steps: PositiveInt | None
    epochs: PositiveFloat | None
    evaluations: PositiveInt
    fraction: PositiveFloat


def _with_a_budget(config: dict[str, Any]) -> dict[str, Any]:
    size = Budget.read({**config["data"], **config["train"]}, "budget").batch_size
    if isinstance(size, dict) and size.keys() != config["tasks"].keys():
        raise ValueError("batch_size is not one for each task")
    return config


CompleteConfig = Annotated[ResolvedConfig, AfterValidator(_with_a_budget)]
"""One that tells what a run costs, too."""
