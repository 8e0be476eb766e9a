"""SM2, SM3 and what the protocol builds on them: typed Python over the C kernels and OpenSSL.

These are primitives. They are importable, but their names may change before version 1.0.
"""
