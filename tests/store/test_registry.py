"""A URL opens the store that is installed for its scheme, and keeps its secrets."""

from collections.abc import Callable, Sequence
from importlib import metadata
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from eventflow.errors import InvalidSettings, UnknownStore
from eventflow.store.memory import MemoryStore
from eventflow.store.registry import BLOBS_GROUP, GROUP, open_blobs, open_store, redact

Install = Callable[[Sequence[tuple[str, str]]], None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Pretend that only these schemes and objects are installed."""

    def replace(stores: Sequence[tuple[str, str]]) -> None:
        found = EntryPoints(EntryPoint(name, value, GROUP) for name, value in stores)
        monkeypatch.setattr(metadata, "entry_points", found.select)

    return replace


async def test_the_scheme_chooses_the_store() -> None:
    """`memory://` is always installed."""
    assert isinstance(await open_store("memory://"), MemoryStore)


async def test_any_package_can_bring_a_store(install: Install) -> None:
    """The entry point is called with the whole URL."""
    install([("mine", f"{MemoryStore.__module__}:connect")])
    assert isinstance(await open_store("mine://"), MemoryStore)
    with pytest.raises(InvalidSettings, match="has no name"):
        await open_store("mine://name")


async def test_an_unknown_scheme_names_the_known_ones(install: Install) -> None:
    """Who mistypes a scheme is told which there are, and no secret is repeated."""
    install([("one", "one:connect"), ("two", "two:connect")])
    with pytest.raises(UnknownStore) as caught:
        await open_store("three://user:secret@host/db")
    assert "three://" in str(caught.value)
    assert "there are: one://, two://" in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_a_path_is_not_a_url() -> None:
    """Without a scheme nothing is guessed."""
    with pytest.raises(UnknownStore, match=r"is not the URL of a store.*sqlite:///eventflow.db"):
        await open_store("eventflow.db")


async def test_a_missing_driver_is_named(install: Install) -> None:
    """When the module behind a scheme cannot be imported, the error says what to install."""
    install([("mine", "module_that_is_not_there.connect:connect")])
    with pytest.raises(UnknownStore, match=r"pip install module_that_is_not_there$"):
        await open_store("mine://user:secret@host")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("memory://", "memory://"),
        ("sqlite:///a@b.db", "sqlite:///a@b.db"),
        ("sqlite:////home/a:b@c.db", "sqlite:////home/a:b@c.db"),
        ("postgresql://host/db?schema=one", "postgresql://host/db?schema=one"),
        ("postgresql://user@host/db", "postgresql://user@host/db"),
        ("postgresql://user:secret@host:5432/db", "postgresql://user:***@host:5432/db"),
        ("postgresql://:secret@host", "postgresql://:***@host"),
        ("postgresql://user:s/e?c#r@e:t@host/db", "postgresql://user:***@host/db"),
        ("postgresql://user:secret@one,two/db", "postgresql://user:***@one,two/db"),
        ("postgresql://h/d?password=secret&schema=a", "postgresql://h/d?password=***&schema=a"),
        (
            "postgresql://h/d?schema=a&sslPassword=secret",
            "postgresql://h/d?schema=a&sslPassword=***",
        ),
        ("postgresql://h/d?p%61ssword=secret", "postgresql://h/d?p%61ssword=***"),
        ("mine://h?api_key=secret&token=secret", "mine://h?api_key=***&token=***"),
        ("host=h password=secret user=u", "host=h password=*** user=u"),
        ("postgresql://user:secret/db", "postgresql://user:***/db"),
        ("postgresql://one:5432,two:5433/db", "postgresql://one:5432,two:5433/db"),
        ("postgresql://[::1]:5432/db", "postgresql://[::1]:5432/db"),
        ("user:secret@host/db", "***@host/db"),
        ("postgresql:user:s@cret@host/db", "***@host/db"),
        ("//user:secret@host/db", "***@host/db"),
    ],
)
def test_secrets_are_hidden(url: str, shown: str) -> None:
    """Passwords, keys and tokens are not shown, wherever in a URL they stand."""
    assert redact(url) == shown


async def test_a_password_is_not_shown_where_the_scheme_was_forgotten() -> None:
    """Neither in the error nor anywhere behind it."""
    with pytest.raises(UnknownStore) as refused:
        await open_store("user:secret@host/db")
    assert "secret" not in str(refused.value)


async def test_a_folder_of_blobs_needs_no_entry_point(install: Install, tmp_path: Path) -> None:
    """`file://` is always there, and opens a folder."""
    install([])
    blobs = await open_blobs(f"file://{tmp_path}/blobs")
    assert await blobs.list() == []
    await blobs.close()


async def test_any_package_can_bring_a_blob_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blob stores have a group of entry points of their own."""
    mine = EntryPoint("mine", f"{MemoryStore.__module__}:connect", BLOBS_GROUP)
    monkeypatch.setattr(metadata, "entry_points", EntryPoints([mine]).select)
    assert isinstance(await open_blobs("mine://"), MemoryStore)
    with pytest.raises(UnknownStore, match=r"blob store answers.*there are: file://, mine://"):
        await open_blobs("other://bucket")
