"""What a command is handed: the options that all share, and the way to the store and the runs.

It opens nothing by itself, and it never creates or migrates a store that somebody only looks at.
"""

import getpass
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import Annotated, Self, TypeAlias

from attrs import define, field, frozen
from cyclopts import Parameter

from eventflow.cli.application import Application, load_application
from eventflow.cli.exits import CommandError, Exit
from eventflow.cli.log_options import Logs
from eventflow.cli.naming import DEFAULT_STORE, Named, named_app, named_store
from eventflow.runtime.clock import SystemClock
from eventflow.runtime.runtime import Runtime
from eventflow.runtime.settings import Settings
from eventflow.store.contract import Store
from eventflow.store.inspection import inspect_store
from eventflow.store.registry import open_store, redact


@frozen
class Place:
    """An open store, with a runtime over it.

    Attributes:
        store: Answers questions about all runs.
        runtime: Gives the handles to single ones, and acts on them.
        shown: The URL of the store without its password.
    """

    store: Store
    runtime: Runtime
    shown: str
    _clock: SystemClock

    def now(self) -> datetime:
        """Tell the time of the store."""
        return self._clock.now()


@frozen
class WorkerOptions:
    """What can be set for a worker; what is not given stays as it is."""

    concurrency: int | None = None
    worker_id: str | None = None


@define
class Session:
    """The options that every command takes.

    Attributes:
        app: What `--app` says.
        url: What `--store` says.
        json: Whether to print data for programs.
        logs: Which log lines are written.
        worker: What a worker is to have otherwise than the application says.
    """

    app: str | None = None
    url: str | None = None
    json: bool = False
    logs: Logs = field(factory=Logs)
    worker: WorkerOptions = field(factory=WorkerOptions)
    _loaded: Application | None = field(default=None, init=False)

    @classmethod
    def of(cls, url: str, application: Application) -> Self:
        """Make a session about a store and an application that nobody has to name."""
        made = cls(url=url)
        made._loaded = application
        return made

    @property
    def app_named(self) -> bool:
        """Whether there is an application."""
        return self._loaded is not None or named_app(self.app) is not None

    def application(self) -> Application:
        """Load the application, once.

        Raises:
            CommandError: None is named, or it cannot be loaded.
        """
        if self._loaded is None:
            self._loaded = load_application(named_app(self.app))
        return self._loaded

    def store(self) -> Named | Store:
        """Tell where the log is: as was named, or as the application's runtime has it.

        Raises:
            CommandError: The store would be gone with this process.
        """
        named: Named | Store = named_store(self.url) or self._store_of_application()
        if isinstance(named, Named) and named.value.startswith("memory:"):
            raise CommandError(
                f"The store of this command is {named.value} ({named.source}), which is empty and "
                "gone with each process; name one that lasts, such as sqlite:///eventflow.db"
            )
        return named

    def store_url(self) -> Named:
        """Tell the URL of the store.

        Raises:
            CommandError: The application's runtime has a store that has no URL.
        """
        named = self.store()
        if isinstance(named, Named):
            return named
        raise CommandError(f"The application has opened {named!r} itself; name a store by --store")

    @asynccontextmanager
    async def looking(self) -> AsyncGenerator[Place]:
        """Open the store that there is, to look at it; no application is needed.

        Raises:
            CommandError: There is no store, or it would have to be migrated.
            EventflowError: It cannot be opened.
        """
        async with self._opened(create=False, with_app=False) as place:
            yield place

    @asynccontextmanager
    async def acting(self, *, create: bool = False, app: bool = False) -> AsyncGenerator[Place]:
        """Open the store to change something, with the application if one is named.

        Args:
            create: Make or migrate the store if need be, as an application does.
            app: Refuse if no application is named.

        Raises:
            CommandError: There is no store, or the application cannot be loaded.
            EventflowError: It cannot be opened.
        """
        with_app = app or self.app_named
        async with self._opened(create=create, with_app=with_app) as place:
            yield place

    @asynccontextmanager
    async def _opened(self, *, create: bool, with_app: bool) -> AsyncGenerator[Place]:
        application = self.application() if with_app else None
        found = self.store()
        application = application or self._loaded
        from eventflow.cli.logs import configure_logs  # noqa: PLC0415 - structlog loads rich

        configure_logs(self.logs)
        async with AsyncExitStack() as stack:
            store = found
            if isinstance(store, Named):
                if not create:
                    await refuse_unless_current(store)
                store = await open_store(store.value)
                stack.push_async_callback(store.close)
            runtime = await stack.enter_async_context(self._over(store, application))
            clock = SystemClock()
            clock.align(await store.now())
            yield Place(store, runtime, shown(found), clock)

    def _over(self, store: Store, application: Application | None) -> Runtime:
        """Make a runtime over an open store."""
        runtime = application
        if not isinstance(runtime, Runtime):
            runtime = Runtime.from_settings(Settings.from_env(), runtime or ())
        return runtime.replace(
            store=store, concurrency=self.worker.concurrency, worker_id=self.worker.worker_id
        )

    def _store_of_application(self) -> Named | Store:
        if self.app_named:
            application = self.application()
            if isinstance(application, Runtime):
                given = application.given_store
                return Named(given, "the Runtime of --app") if isinstance(given, str) else given
        return Named(DEFAULT_STORE, "the default")


SessionArgument: TypeAlias = Annotated[Session, Parameter(parse=False)]
"""How a command asks for the session."""


def shown(found: Named | Store) -> str:
    """Name a store, without its password."""
    return redact(found.value) if isinstance(found, Named) else repr(found)


async def refuse_unless_current(named: Named) -> None:
    """Refuse to look at a store that opening would create or change.

    Raises:
        CommandError: There is none, or its schema is older than this release.
        EventflowError: It cannot be looked at.
    """
    found = await inspect_store(named.value)
    if found is None or found.current:
        return
    shown = redact(named.value)
    if not found.exists:
        raise CommandError(
            f"There is no store at {shown} ({named.source}); name another one with --store, "
            "EVENTFLOW_STORE_URL, or store in [tool.eventflow] of pyproject.toml, or make one "
            "with: eventflow store init",
            Exit.NOT_FOUND,
        )
    raise CommandError(
        f"The store {shown} has schema version {found.version}, and this release works on "
        f"{found.newest}; bring it up to date with: eventflow store migrate",
        Exit.UNAVAILABLE,
    )


def current_user() -> str | None:
    """Name who types, for the history; None if the system cannot tell."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return None
