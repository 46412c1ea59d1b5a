"""From a URL to an open store, by the entry points that are installed; it names no store itself."""

import re
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar, cast
from urllib.parse import unquote

from attrs import field

from eventflow.core.frozen import frozen
from eventflow.errors import InvalidSettings, UnknownStore
from eventflow.store import folder
from eventflow.store.blobs import BlobStore
from eventflow.store.contract import Store

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint, EntryPoints

T = TypeVar("T")

GROUP = "eventflow.stores"
"""The group of entry points of stores: the name is the scheme of a URL, the object a `Connect`."""

BLOBS_GROUP = "eventflow.blobs"
"""The same for blob stores."""

Connect: TypeAlias = Callable[[str], Awaitable[T]]
"""Opens the store that a URL names; `ValueError` says what is wrong with the URL."""

_HIDDEN = "***"
_SECRET = re.compile(r"pass|pwd|secret|token|key|credential", re.IGNORECASE)
_ODD_PORT = re.compile(r"(?<=[^\[:,]):(?!\d*(?:,|$))[^,\]]*(?=,|$)")
_PARAMETER = re.compile(r"([^?&\s=]+)=([^&\s]*)")


@frozen
class _Kind(Generic[T]):
    """What can be opened by URL.

    Attributes:
        group: The group of its entry points.
        what: What it is called.
        example: A URL of it.
        built_in: The schemes that need no entry point.
    """

    group: str
    what: str
    example: str
    built_in: Mapping[str, Connect[T]] = field(factory=dict)

    async def open(self, url: str) -> T:
        scheme, separator, _ = url.partition("://")
        if not separator:
            raise UnknownStore(
                f"{redact(url)!r} is not the URL of a {self.what}; write for instance "
                f"{self.example}, with one of: {self._schemes()}"
            )
        try:
            return await self._connect(scheme)(url)
        except ValueError as error:
            raise InvalidSettings(
                f"{redact(url)} is not the URL of a {self.what}: {error}"
            ) from None

    def _connect(self, scheme: str) -> Connect[T]:
        built_in = self.built_in.get(scheme.lower())
        if built_in is not None:
            return built_in
        found = _entry_points(self.group).select(name=scheme.lower())
        if not found:
            raise UnknownStore(
                f"No installed {self.what} answers to {scheme}://; there are: {self._schemes()}. "
                f"Install the package that provides it, or correct the URL"
            )
        return cast("Connect[T]", load_entry(next(iter(found)), self.what))

    def _schemes(self) -> str:
        installed = {each.name for each in _entry_points(self.group)}
        return ", ".join(sorted(f"{name}://" for name in installed | set(self.built_in)))


_STORES: _Kind[Store] = _Kind(GROUP, "store", "sqlite:///eventflow.db")
_BLOBS: _Kind[BlobStore] = _Kind(
    BLOBS_GROUP, "blob store", "file:///srv/blobs", MappingProxyType({"file": folder.connect})
)


async def open_store(url: str) -> Store:
    """Open the store that a URL names.

    Raises:
        UnknownStore: No installed store has this scheme, or what it needs is not installed.
        StoreUnavailable: The store cannot be reached.
        InvalidSettings: The store does not understand the rest of the URL.
    """
    return await _STORES.open(url)


async def open_blobs(url: str) -> BlobStore:
    """Open the blob store that a URL names, such as `file:///srv/blobs`.

    Raises:
        UnknownStore: No installed blob store has this scheme, or what it needs is not installed.
        StoreUnavailable: The blob store cannot be reached.
        InvalidSettings: The blob store does not understand the rest of the URL.
    """
    return await _BLOBS.open(url)


def redact(url: str) -> str:
    """Hide what is secret in a URL, for logs and errors; rather too much than too little."""
    scheme, separator, rest = url.partition("://")
    if separator:
        return f"{scheme}://{_without_odd_ports(_without_password(_without_secrets(rest)))}"
    credentials, at, place = url.rpartition("@")
    return _without_secrets(f"{_HIDDEN}@{place}" if at and ":" in credentials else url)


def load_entry(entry: "EntryPoint", what: str = "store") -> object:
    """Import what opens the stores of a scheme.

    Raises:
        UnknownStore: Something that it needs is not installed.
    """
    try:
        return entry.load()
    except ImportError as error:
        missing = error.name or str(error)
        raise UnknownStore(
            f"The {what} {entry.name}:// needs the module {missing}, which cannot be imported. "
            f"Install it with: pip install {missing.partition('.')[0]}"
        ) from error


def _entry_points(group: str) -> "EntryPoints":
    from importlib.metadata import entry_points  # noqa: PLC0415 - it loads email and zipfile

    return entry_points(group=group)


def _without_odd_ports(rest: str) -> str:
    """Hide what stands where a port belongs: a password, if somebody forgot the `@` behind it."""
    place, slash, path = rest.partition("/")
    user, at, hosts = place.rpartition("@")
    return f"{user}{at}{_ODD_PORT.sub(f':{_HIDDEN}', hosts)}{slash}{path}"


def _without_password(rest: str) -> str:
    """Hide what stands between the user's name and the last `@`, also where it is not quoted."""
    user, at, place = rest.rpartition("@")
    name, colon, _ = user.partition(":")
    if not at or not colon or "/" in name:
        return rest
    return f"{name}:{_HIDDEN}@{place}"


def _without_secrets(text: str) -> str:
    return _PARAMETER.sub(_parameter, text)


def _parameter(found: re.Match[str]) -> str:
    name, value = found.groups()
    return f"{name}={_HIDDEN if _SECRET.search(unquote(name)) else value}"
