"""Plants a bug: puts a broken function in the place of a sound one, and takes it out again."""

import importlib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from attrs import frozen

Patch = Callable[[Any], Any]
"""Makes the broken function of the sound one."""


@frozen
class Mutant:
    """A planted bug.

    Attributes:
        name: What it is called.
        place: The function: its module, a colon, and its name there.
        patch: Breaks it.
    """

    name: str
    place: str
    patch: Patch

    @property
    def sound(self) -> Any:
        """What stands at the place now."""
        owner, name = self._owner()
        return vars(owner)[name]

    @contextmanager
    def planted(self) -> Generator[None]:
        """Let the bug be there for a while."""
        owner, name = self._owner()
        sound = self.sound
        setattr(owner, name, self.patch(sound))
        try:
            yield
        finally:
            setattr(owner, name, sound)

    def _owner(self) -> tuple[Any, str]:
        """Find the module or class that has the function, and its name there."""
        module, _, path = self.place.partition(":")
        owner: Any = importlib.import_module(module)
        *classes, name = path.split(".")
        for each in classes:
            owner = getattr(owner, each)
        return owner, name


MUTANTS: list[Mutant] = []


def mutant(place: str) -> Callable[[Patch], Patch]:
    """Plant a bug in a function; the docstring of the patch says what is wrong."""

    def register(patch: Patch) -> Patch:
        MUTANTS.append(Mutant(patch.__name__.replace("_", " "), place, patch))
        return patch

    return register


def always(answer: object) -> Callable[..., Any]:
    """Answer the same, whatever is asked."""
    return lambda *_, **__: answer
