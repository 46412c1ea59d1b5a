"""The cheap copy of a frozen value."""

import attrs
import pytest

from eventflow.core.change import changed
from tests.core.spec import create, given, plan

RUN = given(create(plan("a"))).world.run


def test_a_copy_is_what_attrs_would_make() -> None:
    """The copy has the changed fields and all others; the value itself stays as it was."""
    copy = changed(RUN, version=9, priority=8)
    assert copy == attrs.evolve(RUN, version=9, priority=8)
    assert (RUN.version, RUN.priority) == (2, 5)


def test_an_unknown_field_is_refused() -> None:
    """A name that the class does not have is an error, not a new attribute."""
    with pytest.raises(TypeError, match="RunState has no such field: colour"):
        changed(RUN, colour="red")
