"""Fixtures of the acceptance tests: a small simulated administration, made once."""

from tests.support.simulated import simulated, simulated_lines

__all__ = ["simulated", "simulated_lines"]
