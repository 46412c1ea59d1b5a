"""The results of the steps of one stage, by name: a mapping that grows without being copied.

A version of it never changes. Adding to the newest version takes the same time however many steps
there are, because all versions of one line share their memory; adding to an older one copies it.
"""

from collections.abc import Iterator, Mapping

from eventflow.core.values import JSON


class Steps(Mapping[str, JSON]):
    """The outputs of completed steps, in the order in which they were recorded."""

    __slots__ = ("_count", "_outputs", "_places")

    def __init__(self) -> None:
        self._outputs: list[tuple[str, JSON]] = []
        self._places: dict[str, int] = {}
        self._count = 0

    def adding(self, name: str, output: JSON) -> "Steps":
        """Give a version with one more step.

        Raises:
            ValueError: There is a step of this name.
        """
        if name in self:
            raise ValueError(f'the step "{name}" has completed already')
        after = Steps()
        if self._count and self._count == len(self._outputs):
            after._outputs, after._places = self._outputs, self._places
        else:
            after._outputs = self._outputs[: self._count]
            after._places = {each: place for place, (each, _) in enumerate(after._outputs)}
        after._places[name] = self._count
        after._outputs.append((name, output))
        after._count = self._count + 1
        return after

    def __getitem__(self, name: str) -> JSON:
        place = self._places[name]
        if place >= self._count:
            raise KeyError(name)
        return self._outputs[place][1]

    def __iter__(self) -> Iterator[str]:
        return (self._outputs[place][0] for place in range(self._count))

    def __len__(self) -> int:
        return self._count

    def __repr__(self) -> str:
        return f"Steps({dict(self)})"


NO_STEPS = Steps()
"""The steps of a stage that has none yet; adding to it shares nothing with it."""
