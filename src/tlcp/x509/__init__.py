"""Certificates: parsing, chains, the pair of a peer and the identity of our own side.

Unstable: these modules may change between minor versions.
"""
