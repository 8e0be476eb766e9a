"""Of ``TLCPContext``: ``revocation``, ``load_crls`` and ``verify_flags``."""

from __future__ import annotations

import dataclasses
import operator
import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tlcp.crypto.pem import is_pem, split_pem
from tlcp.x509.crl import PEM_LABEL, RevocationList, load_crls, read_crls
from tlcp.x509.ocsp_response import OcspResponse
from tlcp.x509.revocation import RevocationPolicy

if TYPE_CHECKING:
    from tlcp.config import Config
    from tlcp.x509.files import CertFile

__all__ = ["RevocationSetting"]

_LEAF: Final = ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
_CHAIN: Final = ssl.VerifyFlags.VERIFY_CRL_CHECK_CHAIN
_STRICT: Final = ssl.VerifyFlags.VERIFY_X509_STRICT
_KNOWN_FLAGS: Final = (
    _STRICT
    | ssl.VerifyFlags.VERIFY_X509_TRUSTED_FIRST
    | getattr(ssl.VerifyFlags, "VERIFY_X509_PARTIAL_CHAIN", 0)
    | _LEAF
    | _CHAIN
)


class RevocationSetting:
    """The part of ``TLCPContext`` that has the peers' certificates checked for revocation."""

    _config: Config
    _flags: ssl.VerifyFlags
    _crls: tuple[RevocationList, ...]  # loaded as in ``ssl``: used once the flags ask for it

    def _begin_revocation(self) -> None:
        policy = self._config.revocation
        self._flags = ssl.VerifyFlags.VERIFY_X509_TRUSTED_FIRST | _flags_of(policy)
        self._crls = policy.crls if policy is not None else ()

    def _change(self, **changes: Any) -> None:
        raise NotImplementedError

    @property
    def revocation(self) -> RevocationPolicy | None:
        """How it is found out whether the peer's certificates are revoked; None = not at all.

        For stapled OCSP, ask for it, too: ``request_ocsp``.
        """
        return self._config.revocation

    @revocation.setter
    def revocation(self, policy: RevocationPolicy | None) -> None:
        self._flags = self._flags & ~(_LEAF | _CHAIN) | _flags_of(policy)
        self._crls = policy.crls if policy is not None else ()
        self._change(revocation=policy)

    @property
    def request_ocsp(self) -> bool:
        """For clients: whether servers are asked to staple an OCSP response.

        It counts for ``revocation``; without a policy it is only reported.
        """
        return self._config.request_ocsp

    @request_ocsp.setter
    def request_ocsp(self, value: bool) -> None:
        self._change(request_ocsp=bool(value))

    @property
    def ocsp_response(self) -> bytes:
        """For servers: the DER of the OCSP response to staple for clients that ask; empty = none.

        ``tlcp pki ocsp`` makes one; assign a newer one before it expires.  A ``ConfigError`` says
        that what is assigned is no OCSP response.
        """
        return self._config.ocsp_response

    @ocsp_response.setter
    def ocsp_response(self, der: bytes) -> None:
        staple = bytes(der)
        if staple:
            OcspResponse.of_our_own(staple, "ocsp_response")
        self._change(ocsp_response=staple)

    def load_crls(self, *paths: str | os.PathLike[str]) -> None:
        """Refuse peers whose certificates these lists, or those loaded before, name.

        Unless ``revocation`` says otherwise, both end certificates must be covered by a valid list.

        Args:
            paths: files (PEM, DER) and directories; see ``tlcp.x509.crl.load_crls``.

        Raises:
            OSError: a path cannot be read.
            ConfigError: there is no list, or one that cannot be used.
        """
        self._crls += load_crls(paths)
        policy = self._config.revocation or RevocationPolicy()
        self.revocation = policy.changed(crls=self._crls)

    @property
    def verify_flags(self) -> ssl.VerifyFlags:
        """As in ``ssl``: VERIFY_CRL_CHECK_LEAF and VERIFY_CRL_CHECK_CHAIN use the lists loaded.

        VERIFY_X509_STRICT is ``strict`` of the ``chain_policy``; off by default, where ``ssl`` has
        it on since Python 3.13: deployed SM2 CAs break its rules.
        VERIFY_X509_TRUSTED_FIRST and VERIFY_X509_PARTIAL_CHAIN hold anyway.
        """
        return self._flags | (_STRICT if self._config.chain_policy.strict else 0)

    @verify_flags.setter
    def verify_flags(self, value: int) -> None:
        flags = ssl.VerifyFlags(operator.index(value))
        if flags & ~_KNOWN_FLAGS:
            raise NotImplementedError("proxy certificates are not supported")
        policy, strict = self._config.chain_policy, bool(flags & _STRICT)
        if strict != policy.strict:
            self._change(chain_policy=dataclasses.replace(policy, strict=strict))
        if flags & (_LEAF | _CHAIN) != self._flags & (_LEAF | _CHAIN):
            self._change(revocation=self._policy_for(flags))
        self._flags = flags & ~_STRICT

    def _policy_for(self, flags: ssl.VerifyFlags) -> RevocationPolicy | None:
        if not flags & _LEAF:  # OpenSSL: CRL_CHECK_ALL means nothing without it
            return None
        policy = self._config.revocation or RevocationPolicy(crls=self._crls)
        return policy.changed(scope="chain" if flags & _CHAIN == _CHAIN else "leaf")

    def _take_crls(self, cafile: CertFile | None) -> bool:
        """Take the lists of a file that ``load_verify_locations`` loads; True if that is all of it.

        Raises:
            OSError: it cannot be read.
            ConfigError: a list in it cannot be used.
        """
        if cafile is None or not is_pem(data := Path(os.fsdecode(cafile)).read_bytes()):
            return False
        labels = {block.label for block in split_pem(data)}
        if PEM_LABEL not in labels:
            return False
        self._crls += read_crls(data, os.fsdecode(cafile))
        if self._config.revocation is not None:
            self._change(revocation=self._config.revocation.changed(crls=self._crls))
        return labels == {PEM_LABEL}


def _flags_of(policy: RevocationPolicy | None) -> ssl.VerifyFlags:
    if policy is None:
        return ssl.VerifyFlags(0)
    return _CHAIN | _LEAF if policy.scope == "chain" else _LEAF
