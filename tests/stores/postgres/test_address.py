"""The URL of a PostgreSQL store: what it may say, and that it never shows a password."""

import pytest

from eventflow_postgres.address import parse_address, quoted

SECRET = "p%40ss%2Fword"
URL = f"postgresql://anna:{SECRET}@one:5432,two:5433/db?sslmode=require&sslpassword=keyword"


def test_the_defaults_are_those_of_the_documentation() -> None:
    """A bare URL uses the schema eventflow, the writable host, and notifications."""
    address = parse_address("postgresql://localhost/db")
    assert (address.schema, address.target_session_attrs) == ("eventflow", "read-write")
    assert address.listen
    assert address.statement_cache_size > 0


def test_own_parameters_are_read_and_kept_from_the_driver() -> None:
    """Parameters of the store are taken out of what the driver gets."""
    address = parse_address("postgres://h/db?schema=my%20log&pool_size=7&sslmode=disable")
    assert (address.schema, address.pool_size) == ("my log", 7)
    assert [host.dsn for host in address.hosts] == ["postgresql://h/db?sslmode=disable"]


@pytest.mark.parametrize(
    ("url", "dsns"),
    [
        (
            f"postgresql://a:{SECRET}@one:1,[::1]:2,two/db?sslmode=require&pool_size=2",
            [
                f"postgresql://a:{SECRET}@one:1/db?sslmode=require",
                f"postgresql://a:{SECRET}@[::1]:2/db?sslmode=require",
                f"postgresql://a:{SECRET}@two/db?sslmode=require",
            ],
        ),
        (
            "postgresql:///db?host=one,/run/two&port=1,2&user=a",
            [
                "postgresql:///db?user=a&host=one&port=1",
                "postgresql:///db?user=a&host=%2Frun%2Ftwo&port=2",
            ],
        ),
        (
            "postgresql://a@/db?host=one,two&port=7",
            ["postgresql://a@/db?host=one&port=7", "postgresql://a@/db?host=two&port=7"],
        ),
        (
            "postgresql:///db?host=one,two",
            ["postgresql:///db?host=one", "postgresql:///db?host=two"],
        ),
        ("postgresql:///db", ["postgresql:///db"]),
        ("postgresql:///db?service=mine", ["postgresql:///db?service=mine"]),
    ],
    ids=["places", "parameters", "one port", "no port", "nothing", "service"],
)
def test_each_host_has_a_url_of_its_own(url: str, dsns: list[str]) -> None:
    """Wherever hosts are named, the driver gets them one by one, with all other parameters."""
    assert [host.dsn for host in parse_address(url).hosts] == dsns


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://a@one,,two/db",
        "postgresql://a@one:x/db",
        "postgresql://a@:5432/db",
        "postgresql:///db?host=one,two,three&port=1,2",
        "postgresql:///db?host=one,&port=1",
        "postgresql:///db?host=one&port=x",
    ],
)
def test_hosts_that_make_no_sense_are_refused(url: str) -> None:
    """An empty host, a port that is none, and ports that do not fit the hosts are named."""
    with pytest.raises(ValueError, match="the PostgreSQL URL"):
        parse_address(url)


def test_a_store_behind_a_pooler_polls() -> None:
    """Without prepared statements there is a pooler, which cannot listen; that can be overruled."""
    assert not parse_address("postgresql://h/db?statement_cache_size=0").listen
    assert parse_address("postgresql://h/db?statement_cache_size=0&listen=on").listen


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("shcema=x", "shcema"),
        ("pool_size=0", "pool_size"),
        ("pool_size=many", "pool_size"),
        ("retry_timeout=-1", "retry_timeout"),
        ("command_timeout=0", "command_timeout"),
        ("connect_timeout=0", "connect_timeout"),
        ("host=other", "in two ways"),
        ("port=5433", "in two ways"),
        ("listen=maybe", "listen"),
        ("target_session_attrs=best", "target_session_attrs"),
        ("schema=", "schema"),
        ("schema=" + "x" * 64, "63 bytes"),
        ("schema=a%24%24b", "without NUL"),
    ],
)
def test_a_wrong_parameter_is_named(query: str, named: str) -> None:
    """A parameter that does not exist or does not fit is named, and no password is shown."""
    with pytest.raises(ValueError, match=named) as caught:
        parse_address(f"postgresql://anna:{SECRET}@h/db?{query}")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [URL, f"postgresql://h/db?user=anna&password={SECRET}&sslpassword=keyword"],
)
def test_a_password_is_never_shown(url: str) -> None:
    """Neither form of a password, as written or decoded, is in the repr or in the shown URL."""
    address = parse_address(url)
    for secret in (SECRET, "p@ss/word", "keyword"):
        assert secret not in repr(address)
        assert secret not in address.shown
        assert secret not in address.redact(f"cannot use {secret} there")
    assert "anna" in address.shown


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://a:secret@[::1/db",
        "mysql://a:secret@h/db",
        "postgresql://a:sec/secret@h/db",
        "postgresql://a:sec#secret@h/db",
        "postgresql://a:sec@secret@h/db",
        "postgresql://a:sec?secret@h/db",
    ],
)
def test_an_unreadable_url_is_refused_without_its_password(url: str) -> None:
    """A URL that cannot be read is refused by a message without the password."""
    with pytest.raises(ValueError, match=r"PostgreSQL URL|store URL") as caught:
        parse_address(url)
    assert "secret" not in str(caught.value)


def test_a_name_is_quoted_for_sql() -> None:
    """Any name that PostgreSQL allows can be a schema."""
    assert quoted('say "hi"') == '"say ""hi"""'
