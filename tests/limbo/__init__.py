"""Run a suite of chains in the format of x509-limbo: ``python -m tests.limbo FILE``."""
