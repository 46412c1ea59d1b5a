"""What stages of crash tests do to the world: one line of a file each, which outlives a kill."""

import os
from pathlib import Path

from attrs import frozen


@frozen
class Effect:
    """Something that was done, under the token of the attempt that did it."""

    number: int
    token: int


@frozen
class Effects:
    """The effects in a folder; processes that append at once do not tear each other's lines."""

    folder: Path

    def leave(self, number: int, token: int) -> None:
        """Do something that can be counted."""
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(file, f"{number} {token}\n".encode())
        finally:
            os.close(file)

    def read(self) -> list[Effect]:
        """Give everything that was done, in order."""
        lines = (line.split() for line in self._path.read_text().splitlines())
        return [Effect(int(number), int(token)) for number, token in lines]

    @property
    def _path(self) -> Path:
        return self.folder / "effects.txt"
