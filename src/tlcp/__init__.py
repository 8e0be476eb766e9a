"""TLCP (GB/T 38636-2020, 国密SSL) for Python.

The engine is sans-IO: ``tlcp.connection.Connection`` takes bytes and gives events and bytes.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
