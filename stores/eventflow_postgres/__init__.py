"""The PostgreSQL store of eventflow; it uses nothing that another store could not use."""

from eventflow_postgres.inspection import inspect
from eventflow_postgres.scratch import scratch
from eventflow_postgres.store import PostgresStore, connect

__all__ = ["PostgresStore", "connect", "inspect", "scratch"]
