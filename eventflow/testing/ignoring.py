"""Paths that are not to be compared, as patterns in which `*` stands for anything."""

import re
from collections.abc import Callable, Iterable


def ignoring(patterns: Iterable[str]) -> Callable[[str | None, str], bool]:
    """Give what tells whether a path is to be ignored, in something that has a name, or in any.

    `output.created` is that path anywhere; `count.output.created` is that of `count` alone.
    """
    whole = [re.compile(".*".join(map(re.escape, each.split("*")))) for each in patterns]

    def ignored(name: str | None, path: str) -> bool:
        places = (path,) if name is None else (path, f"{name}.{path}")
        return any(pattern.fullmatch(place) for pattern in whole for place in places)

    return ignored
