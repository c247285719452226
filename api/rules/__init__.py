"""Policies and registers: found, drafted, compared, listed, adopted."""
