"""Where the database is, as one URL says it; a password is never shown in a repr or a message."""

import re
from collections.abc import Iterator, Mapping
from typing import TypeVar
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from attrs import field, frozen

from eventflow.store.registry import redact

DEFAULT_SCHEMA = "eventflow"
LONGEST_NAME = 63
SHORTEST_LIMIT = 0.1

_DRIVER_PARAMETERS = frozenset(
    {
        "database",
        "dbname",
        "gsslib",
        "host",
        "krbsrvname",
        "passfile",
        "password",
        "port",
        "service",
        "ssl_max_protocol_version",
        "ssl_min_protocol_version",
        "sslcert",
        "sslcrl",
        "sslkey",
        "sslmode",
        "sslnegotiation",
        "sslpassword",
        "sslrootcert",
        "user",
    }
)
_OWN_PARAMETERS = frozenset(
    {
        "application_name",
        "command_timeout",
        "connect_timeout",
        "listen",
        "pool_size",
        "retry_timeout",
        "schema",
        "statement_cache_size",
        "target_session_attrs",
    }
)
_SECRET_PARAMETERS = frozenset({"password", "sslpassword"})
_SESSIONS = ("any", "primary", "standby", "read-write", "read-only", "prefer-standby")
_SWITCH = {"true": True, "on": True, "1": True, "false": False, "off": False, "0": False}
_HIDDEN = "***"

T = TypeVar("T")


@frozen
class Host:
    """One of the servers that a URL names.

    Attributes:
        name: What it is called in errors.
        dsn: What the driver gets; it may hold a password.
    """

    name: str
    dsn: str = field(repr=False)


@frozen
class Address:
    """What a URL asks for.

    Attributes:
        shown: The URL without passwords.
        hosts: The servers, in the order in which they are tried.
        schema: The schema that holds the tables.
        pool_size: How many connections serve reads, at most.
        statement_cache_size: How many prepared statements a connection keeps; 0 behind a pooler
            that gives each transaction another connection.
        listen: Whether to be woken by notifications; otherwise the store polls.
        target_session_attrs: Which of several hosts will do.
        application_name: What the server calls the connections.
        connect_timeout: Seconds to wait for a connection to one host.
        command_timeout: Seconds to wait for one statement.
        retry_timeout: Seconds to try again while the database is away.
        secrets: The passwords, so that they can be hidden.
    """

    shown: str
    hosts: tuple[Host, ...]
    schema: str = DEFAULT_SCHEMA
    pool_size: int = 4
    statement_cache_size: int = 100
    listen: bool = True
    target_session_attrs: str = "read-write"
    application_name: str = "eventflow"
    connect_timeout: float = 5.0
    command_timeout: float = 15.0
    retry_timeout: float = 10.0
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def quoted_schema(self) -> str:
        """The schema as SQL names it."""
        return quoted(self.schema)

    @property
    def pooled(self) -> bool:
        """Whether a pooler stands between, so that a session keeps nothing."""
        return self.statement_cache_size == 0

    def redact(self, text: str) -> str:
        """Hide the passwords in a message that somebody else wrote."""
        for secret in self.secrets:
            text = text.replace(secret, _HIDDEN)
        return text


def quoted(name: str) -> str:
    """Quote a name for SQL.

    Raises:
        ValueError: PostgreSQL cannot have such a name.
    """
    if not name or "\0" in name or "$$" in name or len(name.encode()) > LONGEST_NAME:
        raise ValueError(
            f"{name!r} cannot be the name of a schema: it has 1 to {LONGEST_NAME} bytes, "
            "without NUL and $$"
        )
    return '"' + name.replace('"', '""') + '"'


def parse_address(url: str) -> Address:
    """Read a URL such as `postgresql://user:password@host1,host2/db?schema=eventflow`.

    Raises:
        ValueError: The URL has a parameter that does not exist, or a value that does not fit; the
            message shows no password.
    """
    parts = _split(url)
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    _refuse_unknown(given)
    cache = _number(given, "statement_cache_size", 100)
    schema = given.get("schema", DEFAULT_SCHEMA)
    quoted(schema)
    return Address(
        shown=redact(url),
        hosts=tuple(_hosts(parts, given)),
        schema=schema,
        pool_size=_number(given, "pool_size", 4, least=1),
        statement_cache_size=cache,
        listen=_choice(given, "listen", _SWITCH, default="true" if cache else "false"),
        target_session_attrs=_choice(
            given, "target_session_attrs", {name: name for name in _SESSIONS}, default="read-write"
        ),
        application_name=given.get("application_name", "eventflow"),
        connect_timeout=_limit(given, "connect_timeout", 5.0),
        command_timeout=_limit(given, "command_timeout", 15.0),
        retry_timeout=_seconds(given, "retry_timeout", 10.0),
        secrets=_secrets(parts, given),
    )


def _split(url: str) -> SplitResult:
    """Split a URL; a list of hosts with an IPv6 address in it is none to newer Pythons."""
    scheme, separator, rest = url.partition("://")
    hosts = re.split("[/?#]", rest, maxsplit=1)[0]
    if hosts.count("[") != hosts.count("]"):
        raise ValueError(f"cannot read the store URL {redact(url)!r}")
    parts = urlsplit(f"{scheme}{separator}{rest.removeprefix(hosts)}")._replace(netloc=hosts)
    if parts.scheme not in {"postgresql", "postgres"}:
        raise ValueError(
            f"a PostgreSQL URL begins with postgresql:// or postgres://, not {parts.scheme!r}"
        )
    if "@" in parts.path or parts.fragment or parts.netloc.count("@") > 1:
        raise ValueError(
            "cannot read the PostgreSQL URL: in a user name or password, "
            "write / as %2F, ? as %3F, # as %23 and @ as %40"
        )
    return parts


def _refuse_unknown(given: Mapping[str, str]) -> None:
    known = _DRIVER_PARAMETERS | _OWN_PARAMETERS
    # What is not even a name may be a piece of a password that was not encoded.
    unknown = sorted(name if name.isidentifier() else "?" for name in set(given) - known)
    if unknown:
        raise ValueError(
            f"unknown parameter in the PostgreSQL URL: {', '.join(unknown)}; "
            f"there are: {', '.join(sorted(known))}"
        )


def _number(given: Mapping[str, str], name: str, default: int, least: int = 0) -> int:
    text = given.get(name, str(default))
    if not text.isdecimal() or int(text) < least:
        raise ValueError(f"{name} in the PostgreSQL URL is a number from {least}, not {text!r}")
    return int(text)


def _seconds(given: Mapping[str, str], name: str, default: float) -> float:
    text = given.get(name, str(default))
    if not re.fullmatch(r"\d+(\.\d+)?", text):
        raise ValueError(f"{name} in the PostgreSQL URL is a number of seconds, not {text!r}")
    return float(text)


def _limit(given: Mapping[str, str], name: str, default: float) -> float:
    seconds = _seconds(given, name, default)
    if seconds < SHORTEST_LIMIT:
        raise ValueError(f"{name} in the PostgreSQL URL is at least {SHORTEST_LIMIT} seconds")
    return seconds


def _choice(given: Mapping[str, str], name: str, choices: Mapping[str, T], default: str) -> T:
    text = given.get(name, default)
    if text not in choices:
        raise ValueError(
            f"{name} in the PostgreSQL URL is one of {', '.join(choices)}, not {text!r}"
        )
    return choices[text]


def _hosts(parts: SplitResult, given: Mapping[str, str]) -> Iterator[Host]:
    """Give one URL for each host, wherever they are named: in their place or as a parameter.

    The driver could take them all at once, but has one limit of time for all: a first host that
    takes connections and never answers would hide the others.
    """
    kept = {name: value for name, value in given.items() if name in _DRIVER_PARAMETERS}
    user, at, places = parts.netloc.rpartition("@")
    if places:
        if {"host", "port"} & set(kept):
            raise ValueError(
                "the PostgreSQL URL names hosts in two ways: write host1:port1,host2:port2 "
                "behind // or host= and port=, not both"
            )
        for place in places.split(","):
            yield Host(_checked(place), _joined(f"{user}{at}{place}", parts.path, kept))
        return
    for named in _named(kept.pop("host", ""), kept.pop("port", "")):
        name = ":".join(named.values())
        yield Host(name, _joined(f"{user}{at}", parts.path, kept | named))


def _named(hosts: str, ports: str) -> Iterator[dict[str, str]]:
    """Give the parameters of each host; nothing stands for what the driver finds by itself."""
    names, numbers = hosts.split(","), ports.split(",")
    if len(numbers) not in {1, len(names)}:
        raise ValueError(
            f"the PostgreSQL URL names {len(names)} hosts and {len(numbers)} ports: "
            "one port is for all, or each host has its own"
        )
    for name, number in zip(names, numbers * (len(names) // len(numbers)), strict=True):
        _checked(f"{name}:{number}" if number else name or "localhost")
        yield {key: value for key, value in (("host", name), ("port", number)) if value}


def _checked(place: str) -> str:
    name, colon, port = place.rpartition(":")
    if not colon or port.endswith("]"):
        name, port = place, "5432"
    if not name or not port.isdecimal():
        raise ValueError(
            "the PostgreSQL URL has an empty host, or a port that is not a number; "
            "write host1:port1,host2:port2"
        )
    return place


def _joined(netloc: str, path: str, query: Mapping[str, str]) -> str:
    return f"postgresql://{netloc}{path}" + (f"?{urlencode(query)}" if query else "")


def _secrets(parts: SplitResult, given: Mapping[str, str]) -> tuple[str, ...]:
    written = parts.netloc.rpartition("@")[0].partition(":")[2]
    values = [given.get(name, "") for name in _SECRET_PARAMETERS]
    found = {written, unquote(written), *values, *(quote(value, safe="") for value in values)}
    return tuple(sorted(found - {""}, key=len, reverse=True))
