"""The record layer: framing, protection, sequence numbers.  Importable, but not a stable API."""
