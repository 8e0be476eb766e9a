"""A small CA that issues TLCP pairs, and the workshop to build any SM2 certificate.

Unstable: these modules may change between minor versions.
"""
