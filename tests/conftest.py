"""Fixtures for all tests: each is made in tests/support, and named here so that pytest finds it."""

from tests.support.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]
