"""What a SQLite URL may say, and how it is refused."""

import pytest

from eventflow_sqlite import connect
from eventflow_sqlite.address import Address, parse_address


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("sqlite:///a.db", Address("a.db")),
        ("sqlite:///data/a.db", Address("data/a.db")),
        ("sqlite:////var/lib/a.db", Address("/var/lib/a.db")),
        ("sqlite:///C:/data/a.db", Address("C:/data/a.db")),
        ("sqlite:///a%20%3F%23%25.db", Address("a ?#%.db")),
        ("sqlite:///a.db?synchronous=NORMAL", Address("a.db", synchronous="NORMAL")),
        ("sqlite:///a.db?synchronous=full", Address("a.db", synchronous="FULL")),
        ("sqlite:///a.db?busy_timeout=2.5", Address("a.db", busy_timeout=2.5)),
    ],
)
def test_a_url_names_a_file_and_its_options(url: str, address: Address) -> None:
    """The path follows the third slash; commits are safe from power cuts unless said otherwise."""
    assert parse_address(url) == address


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlite://", "names no database file"),
        ("sqlite:///", "names no database file"),
        ("sqlite://host/a.db", "names no database file"),
        ("sqlite:///a.db#part", "names no database file"),
        ("sqlite:///a%00.db", "names no database file"),
        ("sqlite://:memory:", "memory://"),
        ("sqlite:///:memory:", "memory://"),
        ("sqlite3:///a.db", "begins with sqlite://"),
        ("sqlite:///a.db?sync=OFF", "there are: busy_timeout, synchronous"),
        ("sqlite:///a.db?synchronous=OFF", "one of FULL, NORMAL, not 'OFF'"),
        ("sqlite:///a.db?busy_timeout=soon", "a number of seconds, not 'soon'"),
        ("sqlite:///a.db?busy_timeout=-1", "a number of seconds, not '-1'"),
    ],
)
async def test_a_url_that_does_not_fit_is_refused(url: str, message: str) -> None:
    """What is wrong is said, with what there is instead, and no file is made."""
    with pytest.raises(ValueError, match=message):
        await connect(url)
