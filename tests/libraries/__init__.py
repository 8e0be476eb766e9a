"""Unmodified libraries that are given a ``TLCPContext``, each in real requests."""
