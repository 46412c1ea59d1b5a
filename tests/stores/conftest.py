"""The fixtures that tests of several stores share."""

from tests.postgres import postgres, postgres_places

__all__ = ["postgres", "postgres_places"]
