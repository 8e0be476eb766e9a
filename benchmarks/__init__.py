"""Benchmarks, run by hand: ``python -m benchmarks.<name>`` in the source tree."""
