"""The stacks: what each one does and refuses, as its code and its wire showed.

Seen in probes and captures: GmSSL 3.3, gotlcp, TASSL, Tongsuo, openHiTLS. Read in source
only: Kona.
``letter`` is no stack but the words of GB/T 38636-2020, as a conformance checker takes them.
"""

from __future__ import annotations

from peers.scripted.manners import (
    SILENT,
    AnswerSeen,
    Demand,
    Demands,
    Habits,
    HelloSeen,
    ListSeen,
    RequestSeen,
    Stack,
)
from tlcp.dialects import MAX_PLAINTEXT_OLD_GMSSL
from tlcp.errors import TLCPError
from tlcp.registry import ExtensionType as X
from tlcp.suites import ECC_SM4_CBC_SM3, parse_suites
from tlcp.wire.extensions import (
    ClientIdentity,
    ServerNameList,
    SignatureAlgorithms,
    SupportedGroups,
    decode_extension,
    find_extension,
)
from tlcp.x509.certificate import Certificate

_ENCRYPTS = {"keyEncipherment", "dataEncipherment", "encipherOnly", "decipherOnly"}
_GMSSL_READS = {0, 3, 5, 10, 13, 16, 66}
_GMSSL_CLIENT_READS = {0, 3, 5, 10, 16}
_CBC = tuple(parse_suites("ECDHE_SM4_CBC_SM3 ECC_SM4_CBC_SM3"))
_GMSSL_ORDER = tuple(
    parse_suites("ECC_SM4_CBC_SM3 ECC_SM4_GCM_SM3 ECDHE_SM4_CBC_SM3 ECDHE_SM4_GCM_SM3")
)
_GOTLCP_ORDER = tuple(
    parse_suites("ECC_SM4_GCM_SM3 ECC_SM4_CBC_SM3 ECDHE_SM4_GCM_SM3 ECDHE_SM4_CBC_SM3")
)


# ---- what a server may look at in a ClientHello ----------------------------------------------


def _version(seen: HelloSeen, *versions: int) -> bool:
    return seen.hello.version in versions


def _not_version(seen: HelloSeen, *versions: int) -> bool:
    return seen.hello.version not in versions


def _compression(seen: HelloSeen) -> bool:
    return 0 not in seen.hello.compression_methods


def _groups_without_sm2(seen: HelloSeen) -> bool:
    found = find_extension(seen.hello.extensions, X.SUPPORTED_GROUPS)
    return found is not None and 41 not in decode_extension(found, SupportedGroups).groups


def _algorithms_without_0708(seen: HelloSeen) -> bool:
    found = find_extension(seen.hello.extensions, X.SIGNATURE_ALGORITHMS)
    if found is None:
        return False
    return 0x0708 not in decode_extension(found, SignatureAlgorithms).algorithms


def _unknown_name(seen: HelloSeen) -> bool:
    found = find_extension(seen.hello.extensions, X.SERVER_NAME)
    return found is not None and decode_extension(found, ServerNameList).host_name not in seen.names


def _alpn_for_nobody(seen: HelloSeen) -> bool:
    return X.ALPN in seen.types and not seen.protocols


def _malformed_client_id(seen: HelloSeen) -> bool:
    found = find_extension(seen.hello.extensions, X.CLIENT_ID)
    try:
        return found is not None and not decode_extension(found, ClientIdentity).identity
    except TLCPError:
        return True


# ---- what a peer may look at in our certificates -----------------------------------------------


def _is_ca(certificate: Certificate) -> bool:
    return certificate.is_ca


def _second_leaf_in_ecc(seen: ListSeen) -> bool:
    return not seen.ecdhe and any(not _is_ca(c) for c in seen.certificates[1:])


def _fewer_than_two(seen: ListSeen) -> bool:
    return len(seen.certificates) < 2


def _second_is_no_leaf(seen: ListSeen) -> bool:
    return len(seen.certificates) > 1 and _is_ca(seen.certificates[1])


def _not_one_entity(seen: ListSeen) -> bool:
    """GmSSL compares subject, issuer and subjectAltName of the pair byte by byte."""
    if len(seen.certificates) < 2 or _is_ca(seen.certificates[1]):
        return False
    sign, enc = seen.certificates[:2]
    same = (sign.subject_der, sign.issuer_der) == (enc.subject_der, enc.issuer_der)
    return not same or (sign.dns_names, sign.ip_addresses) != (enc.dns_names, enc.ip_addresses)


def _no_encryption_usage(seen: ListSeen) -> bool:
    """TASSL takes the last certificate that may encipher."""
    return not any((c.key_usage or set()) & _ENCRYPTS for c in seen.certificates[1:])


# ---- what a client may look at -----------------------------------------------------------------


def _unsolicited(seen: AnswerSeen) -> bool:
    return bool(seen.types - seen.offered)


def _unread_by_gmssl(seen: AnswerSeen) -> bool:
    return bool(seen.types - _GMSSL_CLIENT_READS)


def _issuer_not_named(seen: RequestSeen) -> bool:
    return bool(seen.issuer) and seen.issuer not in seen.names


def _sm2_not_asked_for(seen: RequestSeen) -> bool:
    return 64 not in seen.types


_OPENSSL_ANSWER = (Demand(_unsolicited, "an answer to an extension that was not offered", 110),)
_PAIR = Demand(_fewer_than_two, "fewer than two certificates", 40)

GMSSL = Stack(
    name="gmssl-3.3",
    preset="gmssl-3.3",
    captures="gmssl",
    habits=Habits(
        suites=_GMSSL_ORDER,
        obeys_client=False,
        segments=True,
        point_vector=True,
        raw_verify=True,
        single_client_certificate=True,
        root_sent=True,
        types=b"\x40",
        nonce_from_zero=True,
        names_sessions=False,
        resumes=False,
        answers=(X.SERVER_NAME, X.TRUSTED_CA_KEYS, X.STATUS_REQUEST, X.ALPN),
        offers=(X.SERVER_NAME, X.SUPPORTED_GROUPS, X.SIGNATURE_ALGORITHMS, X.ALPN),
        no_suite=71,
        no_certificate=42,
        malformed=10,
    ),
    demands=Demands(
        whole_messages=10,
        record_version=70,
        hello=(
            Demand(lambda s: _version(s, 0x0303), "TLS", 70),
            Demand(lambda s: _not_version(s, 0x0101), "a version that is not 0101", 10),
            Demand(lambda s: s.hello.extensions == (), "an empty extension block", 10),
            Demand(lambda s: bool(s.types - _GMSSL_READS), "an unknown extension", SILENT),
            Demand(_groups_without_sm2, "supported_groups without 41", 40),
            Demand(_algorithms_without_0708, "signature_algorithms without 0708", 40),
            Demand(_unknown_name, "a server_name that it has not", 40),
            Demand(_alpn_for_nobody, "ALPN that it has not configured", 120),
        ),
        client_list=(
            Demand(_second_leaf_in_ecc, "a second leaf in ECC, taken for a CA", 42),
            Demand(_not_one_entity, "a pair of two entities", 42),
        ),
        points=frozenset({71}),
        point_alert=10,
        raw_verify=True,
        answer=(Demand(_unread_by_gmssl, "a ServerHello extension that it does not read", 47),),
        server_list=(
            Demand(_fewer_than_two, "fewer than two certificates", 42),
            Demand(_not_one_entity, "a pair of two entities", 42),
        ),
        request=(
            Demand(_sm2_not_asked_for, "no certificate type 64", 43),
            Demand(_issuer_not_named, "CA names without its last certificate's issuer", 43),
        ),
        curves=frozenset({41}),
    ),
)

#: GmSSL up to 3.1; tests with the real one are in ``interop``.
GMSSL_31 = Stack(
    name="gmssl-3.1",
    preset="gmssl-3.1",
    habits=Habits(
        suites=(ECC_SM4_CBC_SM3,),
        segments=True,
        single_client_certificate=True,
        types=b"\x40",
        names_sessions=False,
        resumes=False,
        no_suite=71,
        no_certificate=42,
        malformed=10,
    ),
    demands=Demands(
        whole_messages=10,
        record_version=70,
        hello=(
            Demand(lambda s: _version(s, 0x0303), "TLS", 70),
            Demand(lambda s: _not_version(s, 0x0101), "a version that is not 0101", 10),
            Demand(lambda s: s.hello.extensions is not None, "extensions", 10),
        ),
        client_list=(Demand(_second_leaf_in_ecc, "a second leaf in ECC, taken for a CA", 42),),
        answer=(Demand(lambda s: s.hello.extensions is not None, "extensions", 10),),
        server_list=(
            Demand(_fewer_than_two, "fewer than two certificates", 42),
            Demand(lambda s: any(c.self_issued for c in s.certificates), "the root", 42),
        ),
        request=(Demand(_issuer_not_named, "CA names without its issuer", 43),),
        longest=MAX_PLAINTEXT_OLD_GMSSL,
    ),
)

GOTLCP = Stack(
    name="gotlcp",
    preset="gotlcp",
    habits=Habits(
        suites=_GOTLCP_ORDER,
        obeys_client=False,
        nonce_from_zero=True,
        answers=(X.SERVER_NAME, X.STATUS_REQUEST, X.ALPN),
        offers=(X.SERVER_NAME, X.SUPPORTED_GROUPS, X.SIGNATURE_ALGORITHMS, X.ALPN),
        signature_algorithms=(0x0704,),
        no_certificate=42,
        malformed=10,
        staple="hello",
    ),
    demands=Demands(
        hello=(
            Demand(lambda s: _version(s, 0x0303, 0x0100), "another protocol", 70),
            Demand(_compression, "compression only", 40),
            Demand(_malformed_client_id, "a malformed client_id", 10),
        ),
        points=frozenset({69, 71}),
        server_list=(Demand(_fewer_than_two, "fewer than two certificates", 42),),
        bad_exchange=10,
    ),
)

TASSL = Stack(
    name="tassl",
    preset="tassl",
    captures="tassl",
    habits=Habits(
        curve=0,
        root_sent=True,
        empty_records=frozenset({"client"}),
        answers=(
            X.RENEGOTIATION_INFO,
            X.SESSION_TICKET,
            X.ALPN,
            X.ENCRYPT_THEN_MAC,
            X.EXTENDED_MASTER_SECRET,
        ),
        scsv=True,
        offers=(
            X.SERVER_NAME,
            X.EC_POINT_FORMATS,
            X.SUPPORTED_GROUPS,
            X.SESSION_TICKET,
            X.ALPN,
            X.ENCRYPT_THEN_MAC,
            X.EXTENDED_MASTER_SECRET,
        ),
    ),
    demands=Demands(
        hello=(
            Demand(lambda s: _version(s, 0x0100), "an older protocol", 70),
            Demand(lambda s: _version(s, 0x0303), "TLS", 40),
            Demand(_compression, "compression only", 50),
        ),
        client_list=(_PAIR, Demand(_no_encryption_usage, "no encryption certificate", 40)),
        answer=_OPENSSL_ANSWER,
        server_list=(_PAIR, Demand(_no_encryption_usage, "no encryption certificate", 40)),
    ),
)

#: SIGN|CA|ENC, as TASSL up to 1.1.1k sends it, and TASSL built with ENC_CERT_LAST.
OLD_TASSL = Stack(
    name="tassl-old",
    preset="tassl",
    habits=Habits(curve=0, root_sent=True, enc_last=True, scsv=True, resumes=False),
    demands=TASSL.demands,
)

TONGSUO = Stack(
    name="tongsuo",
    preset="tongsuo",
    captures="tongsuo",
    habits=Habits(
        root_sent=True,
        empty_records=frozenset({"client", "server"}),
        sentinel=b"DOWNGRD\0",
        answers=(X.STATUS_REQUEST, X.SESSION_TICKET, X.ALPN),
        scsv=True,
        offers=(X.SERVER_NAME, X.SESSION_TICKET, X.ALPN),
        staple="message",
    ),
    demands=Demands(
        hello=(
            Demand(lambda s: _version(s, 0x0100), "an older protocol", 70),
            Demand(_compression, "compression only", 50),
        ),
        client_list=(_PAIR, Demand(_second_is_no_leaf, "no leaf in the second place", 42)),
        answer=_OPENSSL_ANSWER,
        server_list=(_PAIR, Demand(_second_is_no_leaf, "no leaf in the second place", 42)),
    ),
)

KONA = Stack(
    name="kona",
    preset="kona",
    habits=Habits(
        types=b"\x40\x01",
        answers=(X.SERVER_NAME, X.ALPN, X.SESSION_TICKET),
        offers=(X.SERVER_NAME, X.ALPN, X.SESSION_TICKET),
    ),
    demands=Demands(
        hello=(
            Demand(lambda s: _not_version(s, 0x0101), "another protocol", 70),
            Demand(_compression, "compression only", 47),
        ),
        answer=_OPENSSL_ANSWER,
        curves=frozenset({41, 249, 0}),
    ),
)

OPENHITLS = Stack(
    name="openhitls",
    preset="openhitls",
    habits=Habits(
        suites=_CBC,
        segments=True,
        types=b"\x40\x40",
        names_cas=False,
        answers=(X.RENEGOTIATION_INFO, X.ALPN, X.SESSION_TICKET),
        scsv=True,
        offers=(
            X.SERVER_NAME,
            X.SIGNATURE_ALGORITHMS,
            X.SUPPORTED_GROUPS,
            X.EC_POINT_FORMATS,
            X.ALPN,
            X.SESSION_TICKET,
            X.EXTENDED_MASTER_SECRET,
            X.ENCRYPT_THEN_MAC,
        ),
    ),
    demands=Demands(
        hello=(
            Demand(lambda s: _version(s, 0x0100), "an older protocol", 70),
            Demand(_compression, "compression only", 47),
        ),
        answer=(
            *_OPENSSL_ANSWER,
            Demand(lambda s: X.RENEGOTIATION_INFO not in s.types, "no answer to 00FF", 40),
        ),
        server_list=(Demand(_fewer_than_two, "fewer than two certificates", 40),),
    ),
)

#: The text of the standard, and of GM/T 0024-2023 where that adds to it.
LETTER = Stack(
    name="letter",
    preset="standard",
    habits=Habits(
        types=b"\x40",
        point_vector=True,
        answers=(X.SERVER_NAME, X.ALPN),
        offers=(X.SERVER_NAME, X.SUPPORTED_GROUPS, X.SIGNATURE_ALGORITHMS, X.ALPN),
        signature_algorithms=(0x0704,),
    ),
    demands=Demands(
        hello=(Demand(lambda s: _not_version(s, 0x0101), "another protocol", 70),),
        points=frozenset({71}),
        answer=_OPENSSL_ANSWER,
        client_list=(Demand(_fewer_than_two, "no pair", 42),),
        server_list=(Demand(_fewer_than_two, "no pair", 42),),
    ),
)

STACKS = (GMSSL, GMSSL_31, GOTLCP, TASSL, OLD_TASSL, TONGSUO, KONA, OPENHITLS, LETTER)
