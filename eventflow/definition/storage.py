"""What a stage may keep by name: a Protocol, so that no stage depends on where it is kept."""

from collections.abc import Coroutine
from typing import Any, Protocol, overload

from typing_extensions import TypeVar

T = TypeVar("T")


class HasId(Protocol):
    """A stage, as far as its id is concerned."""

    @property
    def id(self) -> str:
        """The id of the stage."""
        ...


def id_of(stage: HasId | str) -> str:
    """Give the id of a stage that is named by itself or by its id."""
    return stage if isinstance(stage, str) else stage.id


class Storage(Protocol):
    """Named values and bytes of one stage of one run, in one generation.

    Each stage, each run and each generation has names of its own. What an attempt saved, the next
    attempt finds; after a rerun there is nothing yet. A stage reads what stages of earlier groups
    have saved, and never changes it. In a plain `def` stage, which runs in a thread, the calls give
    their answer itself, without `await`.
    """

    def save(self, name: str, value: object) -> Coroutine[Any, Any, str]:
        """Keep bytes, or any value that can be stored as JSON; give the key of what is kept.

        A name that was saved before now stands for this; the history keeps both. When this
        returns, it is durable.

        Args:
            name: What to call it.
            value: Bytes are kept as they are, anything else as JSON.

        Raises:
            InvalidOutput: The name is none, or the value has no meaning in JSON, or is too large.
            StaleToken: The claim no longer holds; what was saved counts for nothing.
        """
        ...

    @overload
    def load(
        self, name: str, type: None = None, *, stage: HasId | str | None = None
    ) -> Coroutine[Any, Any, Any]: ...
    @overload
    def load(
        self, name: str, type: type[T], *, stage: HasId | str | None = None
    ) -> Coroutine[Any, Any, T]: ...
    def load(
        self, name: str, type: Any = None, *, stage: HasId | str | None = None
    ) -> Coroutine[Any, Any, Any]:
        """Give what was saved: bytes as bytes, anything else as plain data or of a type.

        Args:
            name: What it is called.
            type: What it is to be, as schemas know it; plain data if not given.
            stage: The stage of an earlier group that saved it; this one if not given.

        Raises:
            ArtifactNotFound: There is none; the message names those that there are.
            BlobNotFound: It was saved, and its bytes are gone.
            InvalidOutput: It does not fit the type.
            StageNotFound: No earlier group has such a stage.
        """
        ...

    def exists(self, name: str, *, stage: HasId | str | None = None) -> Coroutine[Any, Any, bool]:
        """Tell whether something is kept under a name.

        Raises:
            StageNotFound: As `load`.
        """
        ...

    def delete(self, name: str) -> Coroutine[Any, Any, bool]:
        """Keep nothing under a name any more; tell whether something was. The history keeps it.

        Raises:
            StaleToken: The claim no longer holds; nothing was changed.
        """
        ...

    def list(
        self, prefix: str = "", *, stage: HasId | str | None = None
    ) -> Coroutine[Any, Any, list[str]]:
        """List the names that begin with a prefix, sorted.

        Raises:
            StageNotFound: As `load`.
        """
        ...


class SyncStorage(Protocol):
    """The same storage for a plain `def` stage, whose calls give their answers themselves."""

    def save(self, name: str, value: object) -> str:
        """Do what `Storage.save` does."""
        ...

    @overload
    def load(self, name: str, type: None = None, *, stage: HasId | str | None = None) -> Any: ...  # noqa: ANN401 - plain data
    @overload
    def load(self, name: str, type: type[T], *, stage: HasId | str | None = None) -> T: ...
    def load(self, name: str, type: Any = None, *, stage: HasId | str | None = None) -> Any:
        """Do what `Storage.load` does."""
        ...

    def exists(self, name: str, *, stage: HasId | str | None = None) -> bool:
        """Do what `Storage.exists` does."""
        ...

    def delete(self, name: str) -> bool:
        """Do what `Storage.delete` does."""
        ...

    def list(self, prefix: str = "", *, stage: HasId | str | None = None) -> list[str]:
        """Do what `Storage.list` does."""
        ...
