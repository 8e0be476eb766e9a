"""Revocation: lists, OCSP, and what a handshake makes of them."""
