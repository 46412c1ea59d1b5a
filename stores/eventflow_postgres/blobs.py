"""The blobs beside the log, in a table of the same schema; it adds no rule to the contract."""

from collections.abc import Sequence

from eventflow.core.references import is_key
from eventflow.errors import BlobNotFound
from eventflow.store.blobs import checked, key_of
from eventflow_postgres.address import Address
from eventflow_postgres.connections import Connections


class PostgresBlobs:
    """The contract of a blob store, on the connections of the log that are not its writer's."""

    def __init__(self, address: Address, connections: Connections) -> None:
        self._address = address
        self._connections = connections
        self._table = f"{address.quoted_schema}.blobs"

    async def put(self, data: bytes) -> str:
        """Keep bytes in a transaction of their own, and give their key."""
        key = key_of(data)
        if not await self.exists(key):
            await self._connections.query(
                lambda connection: connection.execute(
                    f"INSERT INTO {self._table} (key, data) VALUES ($1, $2) ON CONFLICT DO NOTHING",  # noqa: S608 - the name is quoted
                    key,
                    data,
                )
            )
        return key

    async def get(self, key: str) -> bytes:
        """Give the bytes of a blob, which were compared with the key."""
        rows = await self._connections.fetch(
            f"SELECT data FROM {self._table} WHERE key = $1",  # noqa: S608 - as above
            key if is_key(key) else "",
        )
        if not rows:
            raise BlobNotFound(key, f"Schema {self._address.quoted_schema}")
        return checked(key, rows[0]["data"])

    async def exists(self, key: str) -> bool:
        """Tell whether there is such a blob."""
        rows = await self._connections.fetch(
            f"SELECT FROM {self._table} WHERE key = $1",
            key if is_key(key) else "",
        )
        return bool(rows)

    async def close(self) -> None:
        """Leave the connections to the log."""

    async def list(self, prefix: str = "", after: str = "", limit: int = 1_000) -> Sequence[str]:
        """List keys in order, one page of them."""
        rows = await self._connections.fetch(
            # No character of a key comes behind the last one here.
            f"SELECT key FROM {self._table} "  # noqa: S608 - as above
            "WHERE key > $1 AND key BETWEEN $2 AND $2 || '~' ORDER BY key LIMIT $3",
            after,
            prefix,
            limit,
        )
        return [row["key"] for row in rows]
