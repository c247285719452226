"""Benchmarks, each paired with a peer in the same run: python -m benchmarks NAME."""
