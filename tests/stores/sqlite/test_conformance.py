"""The SQLite store keeps the contract of all stores."""

from eventflow.testing.conformance import StoreConformance


class TestSQLite(StoreConformance):
    """One store on a file."""
