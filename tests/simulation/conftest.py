"""The fixtures of the crash tests."""

from tests.postgres import postgres, postgres_url

__all__ = ["postgres", "postgres_url"]
