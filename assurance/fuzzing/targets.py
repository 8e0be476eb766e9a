"""All targets, by name."""

from __future__ import annotations

import importlib
from typing import Final, cast

from assurance.fuzzing.judge import Target

__all__ = ["SURFACES", "target"]

#: Surface -> (module, name in it): a process imports no more than its target needs.
SURFACES: Final = {
    "record": ("targets_bytes", "RECORD"),
    "message": ("targets_bytes", "MESSAGE"),
    "ticket": ("targets_bytes", "TICKET"),
    "certificate": ("targets_x509", "CERTIFICATE"),
    "crl": ("targets_x509", "CRL"),
    "ocsp": ("targets_x509", "OCSP"),
    "request": ("targets_csr", "REQUEST"),
    "key": ("targets_keys", "KEY"),
    "pkcs12": ("targets_keys", "PKCS12"),
    "envelope": ("targets_keys", "ENVELOPE"),
    "client": ("targets_ends", "CLIENT"),
    "server": ("targets_ends", "SERVER"),
    "pcap": ("targets_pcap", "PCAP"),
}


def target(surface: str) -> Target:
    """The target of a surface."""
    module, name = SURFACES[surface]
    return cast("Target", getattr(importlib.import_module(f"assurance.fuzzing.{module}"), name))
