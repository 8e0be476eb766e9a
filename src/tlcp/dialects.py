"""How deployed stacks differ on the wire, one record of settings per stack.

What any stack may send without being misread is always accepted; a dialect says what we emit, and
the few forms that are taken only on purpose. Each field names its evidence.

Spec: GB/T 38636-2020, GM/T 0024-2023; where stacks depart from them is said at the field
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from tlcp.errors import ConfigError
from tlcp.registry import ClientCertificateType, ExtensionType

__all__ = ["AUTO", "DIALECTS", "Dialect", "dialect_named"]

CURVE_SM2: Final = 41
MAX_PLAINTEXT_OLD_GMSSL: Final = 16363  # its buffer holds no longer record; found by trying
SM2_WITH_SM3: Final = 0x0708  # as RFC 8998 numbers it: GmSSL, Kona
SM2_WITH_SM3_2023: Final = 0x0704  # as GM/T 0024-2023 does: gotlcp

_BASIC: Final = frozenset({ExtensionType.SERVER_NAME, ExtensionType.ALPN})
_GM: Final = _BASIC | {
    ExtensionType.TRUSTED_CA_KEYS,
    ExtensionType.STATUS_REQUEST,
    ExtensionType.SUPPORTED_GROUPS,
    ExtensionType.SIGNATURE_ALGORITHMS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What we emit, and what we take on purpose, for one kind of peer.

    Attributes:
        name: as users write it.
        peers: the stacks it is for, for people.
        extensions: the hello extensions that may be sent at all; what the program asks for and is
            not among them is left out. GmSSL 3.1 answers any with alert 10; GmSSL 3.3 closes on
            an unknown one.
        signature_algorithms: sent where that extension is; GmSSL 3.3 wants 0708 among them,
            gotlcp sends 0704. Empty = the extension is not sent.
        supported_groups: sent where that extension is; 41 is SM2. Empty = not sent.
        renegotiation_scsv: end the list of suites with 00FF; the openHiTLS client does and wants
            an answer, TASSL does too.
        point_vector: put a length of 2 bytes in front of the ECDHE ClientKeyExchange (71 bytes
            instead of 69), as the letter of GB/T 38636-2020 6.4.5.8 and GmSSL 3.2 and later have.
        curve: the named curve in ECDHE parameters; nobody may check it, but TASSL sends 0 and
            GmSSL refuses anything but 41.
        single_client_certificate: in ECC suites send the signing certificate and its chain
            without the encryption certificate. GmSSL takes the second of a pair for a CA;
            Tongsuo wants both.
        raw_certificate_verify: sign the handshake messages and not their hash (GmSSL 3.2 and
            later).
        takes_raw_certificate_verify: accept such a signature too.
        client_is_initiator: in ECDHE hash the client's Z first (some hardware gateways).
        certificate_types: of CertificateRequest.
        enc_certificate_last: send signing certificate, CAs, encryption certificate (old TASSL).
        session_id: whether a server names new sessions; GmSSL never does.
        answers_scsv: whether a server answers 00FF with renegotiation_info; the openHiTLS client
            ends without it.
        max_plaintext_bytes: longest plaintext of a record that we send; GmSSL 3.1.1 cannot read
            a whole 2^14.
        ca_names: whether a CertificateRequest names the CAs; GmSSL clients need it.

    Spec: GB/T 38636-2020 6.4.5; GM/T 0024-2023 A
    """

    name: str
    peers: str
    extensions: frozenset[int] = _BASIC
    signature_algorithms: tuple[int, ...] = ()
    supported_groups: tuple[int, ...] = ()
    renegotiation_scsv: bool = False
    point_vector: bool = False
    curve: int = CURVE_SM2
    single_client_certificate: bool = False
    raw_certificate_verify: bool = False
    takes_raw_certificate_verify: bool = False
    client_is_initiator: bool = False
    certificate_types: tuple[int, ...] = (ClientCertificateType.ECDSA_SIGN,)
    enc_certificate_last: bool = False
    session_id: bool = True
    answers_scsv: bool = False
    max_plaintext_bytes: int = 1 << 14
    ca_names: bool = True

    def __str__(self) -> str:
        return self.name


_TICKETS: Final = frozenset({ExtensionType.SESSION_TICKET})
_BOTH: Final = (ClientCertificateType.RSA_SIGN, ClientCertificateType.ECDSA_SIGN)

#: The letter of GB/T 38636-2020 and GM/T 0024-2023.
STANDARD: Final = Dialect(
    name="standard",
    peers="the letter of GB/T 38636-2020",
    extensions=_GM | {ExtensionType.CLIENT_ID},
    signature_algorithms=(SM2_WITH_SM3_2023,),
    supported_groups=(CURVE_SM2,),
    point_vector=True,
)

#: What most stacks take, and what none misreads.
AUTO: Final = Dialect(
    name="auto",
    peers="any stack: begins with what most accept",
    extensions=_GM | _TICKETS | {ExtensionType.CLIENT_ID, ExtensionType.RENEGOTIATION_INFO},
    takes_raw_certificate_verify=True,
    answers_scsv=True,
)

DIALECTS: Final[dict[str, Dialect]] = {
    dialect.name: dialect
    for dialect in (
        AUTO,
        STANDARD,
        Dialect(
            name="gmssl-3.1",
            peers="GmSSL up to 3.1, GmSSL 2, old VPN gateways",
            extensions=frozenset(),
            single_client_certificate=True,
            session_id=False,
            max_plaintext_bytes=MAX_PLAINTEXT_OLD_GMSSL,
        ),
        Dialect(
            name="gmssl-3.3",
            peers="GmSSL 3.2 and later",
            extensions=_GM,
            signature_algorithms=(SM2_WITH_SM3, SM2_WITH_SM3_2023),
            supported_groups=(CURVE_SM2,),
            point_vector=True,
            single_client_certificate=True,
            raw_certificate_verify=True,
            takes_raw_certificate_verify=True,
            session_id=False,
        ),
        Dialect(
            name="tassl",
            peers="TASSL with OpenSSL 1.1.1",
            extensions=_BASIC | _TICKETS | {ExtensionType.RENEGOTIATION_INFO},
            renegotiation_scsv=True,
            curve=0,
            certificate_types=_BOTH,
            answers_scsv=True,
        ),
        Dialect(
            name="tongsuo",
            peers="Tongsuo, BabaSSL",
            extensions=_BASIC | _TICKETS | {ExtensionType.STATUS_REQUEST},
            renegotiation_scsv=True,
            certificate_types=_BOTH,
        ),
        Dialect(
            name="gotlcp",
            peers="gotlcp",
            extensions=_GM | {ExtensionType.CLIENT_ID},
            signature_algorithms=(SM2_WITH_SM3_2023,),
            supported_groups=(CURVE_SM2,),
            certificate_types=_BOTH,
        ),
        Dialect(
            name="kona",
            peers="Tencent Kona",
            extensions=_BASIC | _TICKETS,
            certificate_types=(
                ClientCertificateType.ECDSA_SIGN,
                ClientCertificateType.RSA_SIGN,
            ),
        ),
        Dialect(
            name="openhitls",
            peers="openHiTLS",
            extensions=_BASIC | _TICKETS | {ExtensionType.RENEGOTIATION_INFO},
            renegotiation_scsv=True,
            certificate_types=(ClientCertificateType.ECDSA_SIGN,) * 2,
            answers_scsv=True,
            ca_names=False,
        ),
    )
}


def dialect_named(name: str | Dialect) -> Dialect:
    """The dialect of a name; a ``Dialect`` of the program's own is returned as it is.

    Raises:
        ConfigError: no such name.
    """
    if isinstance(name, Dialect):
        return name
    if not isinstance(name, str):
        raise TypeError(f"a dialect is given by its name or as a Dialect, not as {name!r}")
    try:
        return DIALECTS[name.lower()]
    except KeyError:
        known = ", ".join(DIALECTS)
        raise ConfigError(f"unknown dialect {name!r}; known here: {known}") from None


def without_extensions(dialect: Dialect) -> Dialect:
    """The same dialect with no hello extension at all."""
    return replace(dialect, extensions=frozenset())
