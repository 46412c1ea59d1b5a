"""The presets are configs like any other, and combine."""

import pytest
from attrs import frozen

from eventflow.definition.presets import (
    AIConfig,
    ConcurrencyConfig,
    DebugConfig,
    FeatureFlagsConfig,
    FullConfig,
    StandardConfig,
)
from eventflow.definition.schema import Schema
from eventflow.errors import InvalidConfig


@frozen(kw_only=True)
class Mixed(ConcurrencyConfig, DebugConfig):
    style: str = "short"


def test_defaults_are_known_without_the_model() -> None:
    """Every preset field but the model has a default."""
    assert Schema(FullConfig).defaults() == {
        "temperature": 0.7,
        "max_tokens": None,
        "concurrency": 5,
        "delay": 0.0,
        "retries": 3,
        "flags": {},
        "verbose": False,
        "dry_run": False,
    }


@pytest.mark.parametrize(
    ("preset", "wrong", "path"),
    [
        (AIConfig, {"model": "m", "temperature": 2.5}, "temperature"),
        (AIConfig, {"model": "m", "temperature": -0.1}, "temperature"),
        (AIConfig, {"model": "m", "max_tokens": 0}, "max_tokens"),
        (AIConfig, {"model": ""}, "model"),
        (AIConfig, {}, "model"),
        (ConcurrencyConfig, {"concurrency": 0}, "concurrency"),
        (ConcurrencyConfig, {"delay": -1}, "delay"),
        (FeatureFlagsConfig, {"flags": {"new": 1}}, "flags.new"),
        (StandardConfig, {"model": "m", "verbose": True}, "verbose"),
    ],
)
def test_limits_are_checked(preset: type, wrong: dict[str, object], path: str) -> None:
    """A value outside the limits of its field is refused, with its path."""
    with pytest.raises(InvalidConfig) as caught:
        Schema(preset).parse(wrong, InvalidConfig)
    assert [problem.path for problem in caught.value.problems] == [path]


def test_presets_combine_by_subclassing() -> None:
    """A subclass has the fields of all its presets, and its own."""
    assert Schema(Mixed).parse({"style": "long", "dry_run": True}) == Mixed(
        style="long", dry_run=True
    )


def test_a_feature_is_off_unless_it_is_on() -> None:
    """A flag that nobody set is off."""
    config = FeatureFlagsConfig(flags={"new": True, "old": False})
    assert [config.enabled(flag) for flag in ("new", "old", "other")] == [True, False, False]
