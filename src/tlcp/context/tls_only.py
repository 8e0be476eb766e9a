"""Settings of TLS that have no meaning in TLCP, as a context must have them all the same.

Each is kept where that does no harm, or refused with the reason.

Spec: the Python documentation of ``ssl.SSLContext``
"""

# mypy: disable-error-code="override, assignment"
# The stubs of ``ssl`` declare plain attributes where the module has properties.

from __future__ import annotations

import operator
import ssl
from collections.abc import Iterable
from typing import Any, NoReturn

__all__ = ["TLSOnlySettings"]

_OVER_TLS = "TLCP has one version, 0x0101; limits of TLS versions do not apply to it"


class TLSOnlySettings(ssl.SSLContext):
    """The part of ``TLCPContext`` that is there for programs written for TLS."""

    _options: ssl.Options = ssl.OP_ALL | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE

    @property
    def options(self) -> ssl.Options:
        """Kept as set, for code that sets some; none changes TLCP."""
        return self._options

    @options.setter
    def options(self, value: int) -> None:
        self._options = ssl.Options(operator.index(value))

    @property
    def minimum_version(self) -> ssl.TLSVersion:
        """``MINIMUM_SUPPORTED``: there is one version."""
        return ssl.TLSVersion.MINIMUM_SUPPORTED

    @minimum_version.setter
    def minimum_version(self, value: int) -> None:
        _only(value, ssl.TLSVersion.MINIMUM_SUPPORTED)

    @property
    def maximum_version(self) -> ssl.TLSVersion:
        """``MAXIMUM_SUPPORTED``: there is one version."""
        return ssl.TLSVersion.MAXIMUM_SUPPORTED

    @maximum_version.setter
    def maximum_version(self, value: int) -> None:
        _only(value, ssl.TLSVersion.MAXIMUM_SUPPORTED)

    @property
    def security_level(self) -> int:
        """2: SM2, SM3 and SM4 offer 128 bits, more than that level's 112."""
        return 2

    @property
    def num_tickets(self) -> int:
        """0: there are no tickets of TLS 1.3; ``session_tickets`` is about those of RFC 5077."""
        return 0

    @num_tickets.setter
    def num_tickets(self, value: int) -> None:
        if value < 0:
            raise ValueError("value must be non-negative")
        if value:
            raise NotImplementedError("TLCP has no TLS 1.3 session tickets")

    @property
    def post_handshake_auth(self) -> bool:
        """False: TLCP has no post-handshake authentication."""
        return False

    @post_handshake_auth.setter
    def post_handshake_auth(self, value: bool) -> None:
        if value:
            raise NotImplementedError("TLCP has no post-handshake authentication; use verify_mode")

    def load_dh_params(self, path: Any, /) -> NoReturn:
        """Raises NotImplementedError: TLCP has no finite-field Diffie-Hellman."""
        raise NotImplementedError("TLCP has no Diffie-Hellman over finite fields")

    def set_ecdh_curve(self, name: str | bytes, /) -> None:
        """Accepts SM2 alone; raises NotImplementedError for another curve."""
        text = name.decode() if isinstance(name, bytes) else name
        if text.upper() not in ("SM2", "CURVESM2"):
            raise NotImplementedError("TLCP's key exchange uses the SM2 curve and no other")

    def set_npn_protocols(self, npn_protocols: Iterable[str]) -> None:
        """Raises NotImplementedError: NPN is gone; use ``set_alpn_protocols``."""
        raise NotImplementedError("NPN is gone; use set_alpn_protocols")

    def set_psk_client_callback(self, callback: Any) -> NoReturn:
        """Raises NotImplementedError: TLCP has no pre-shared keys."""
        raise NotImplementedError("TLCP has no pre-shared keys")

    def set_psk_server_callback(self, callback: Any, identity_hint: Any = None) -> NoReturn:
        """Raises NotImplementedError: TLCP has no pre-shared keys."""
        raise NotImplementedError("TLCP has no pre-shared keys")


def _only(value: int, allowed: ssl.TLSVersion) -> None:
    if ssl.TLSVersion(operator.index(value)) != allowed:
        raise NotImplementedError(_OVER_TLS)
