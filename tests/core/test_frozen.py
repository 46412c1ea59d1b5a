"""Data is declared as attrs declares it, and reads the same."""

import copy
import pickle

import attrs
import pytest
from attrs import field
from attrs.exceptions import FrozenInstanceError

from eventflow.core.frozen import frozen


@frozen
class Point:
    """Data at the top of a module."""

    x: int


@frozen
class Own:
    """Data that says itself how it reads."""

    x: int

    def __repr__(self) -> str:
        return f"<{self.x}>"


class Outer:
    """A class around another one."""

    @frozen
    class Inner:
        """Data within a class."""

        point: object


def test_it_reads_as_attrs_would_write_it() -> None:
    """The class, and each field that is not left out, by name."""

    @attrs.frozen
    class Theirs:
        x: int
        label: str = "origin"
        secret: str = field(default="", repr=False)
        masked: str = field(default="key", repr=lambda _: "***")
        _private: tuple[int, ...] = field(factory=tuple)

    @frozen
    class Ours:
        x: int
        label: str = "origin"
        secret: str = field(default="", repr=False)
        masked: str = field(default="key", repr=lambda _: "***")
        _private: tuple[int, ...] = field(factory=tuple)

    assert repr(Ours(1)) == "Ours(x=1, label='origin', masked=***, _private=())"
    assert repr(Ours(1)).removeprefix("Ours") == repr(Theirs(1)).removeprefix("Theirs")
    assert repr(Outer.Inner(Point(2))) == "Outer.Inner(point=Point(x=2))"


def test_a_class_that_says_how_it_reads_is_heeded() -> None:
    """Its own `__repr__` stays."""
    assert repr(Own(4)) == "<4>"


def test_data_within_itself_reads_to_an_end() -> None:
    """A circle is broken where it closes."""
    circle: list[object] = []
    inner = Outer.Inner(circle)
    circle.append(inner)
    assert repr(inner) == "Outer.Inner(point=[...])"


def test_it_is_frozen_and_compares_by_value() -> None:
    """Everything else is what attrs makes of it."""
    point = Point(1)
    assert point == Point(1)
    assert hash(point) == hash(Point(1))
    assert point != Point(2)
    assert not hasattr(point, "__dict__")
    assert attrs.evolve(point, x=2) == Point(2)
    assert copy.deepcopy(point) == pickle.loads(pickle.dumps(point)) == point  # noqa: S301 - its own
    with pytest.raises(FrozenInstanceError):
        point.x = 2  # type: ignore[misc]
