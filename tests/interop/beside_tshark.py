"""What ``tlcp inspect --json`` says of a message beside what tshark prints of it.

A field of tshark's is compared with the field of ours that ends where it ends, and begins there
or with the length or the ASN.1 header before it: the range, the value, and the name or text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from peers.tshark_fields import Leaf

Fact = dict[str, Any]


# ---- how a value of ours is compared ---------------------------------------------------------


def number(field: Fact, leaf: Leaf) -> bool:
    """The same number."""
    same: bool = field["value"] == int(leaf.show, 0)
    return same


def true(field: Fact, leaf: Leaf) -> bool:
    """A truth value: what DER has for it."""
    return leaf.show == "1" and field["value"] == 0xFF and field["label"] == "TRUE"


def named(field: Fact, leaf: Leaf) -> bool:
    """The same number by the same name."""
    ours = re.sub(r" ?\((\w+)\)$", "", field["label"])
    theirs = re.fullmatch(r"[^:]*: (.*) \((\w+)\)", leaf.says)
    return theirs is not None and number(field, leaf) and alike(ours, theirs[1])


def octets(field: Fact, leaf: Leaf) -> bool:
    """The same bytes."""
    return leaf.value is not None and field["value"] == leaf.value.hex()


def bytes_there(field: Fact, leaf: Leaf) -> bool:
    """The bytes of the message at tshark's place: it names none."""
    return octets(field, leaf)


def text(field: Fact, leaf: Leaf) -> bool:
    """The same bytes as the same text."""
    return octets(field, leaf) and field["label"] == leaf.show


def attribute(field: Fact, leaf: Leaf) -> bool:
    """A text behind the short name of its attribute, as in ``CN=server``."""
    return octets(field, leaf) and field["label"].partition("=")[2] == leaf.show


def oid(field: Fact, leaf: Leaf) -> bool:
    """An object identifier by its bytes and its numbers."""
    return octets(field, leaf) and field["label"] == leaf.show


def curve(field: Fact, leaf: Leaf) -> bool:
    """The curve of a key by the bytes of its identifier and its name."""
    return octets(field, leaf) and (field["label"], leaf.show) == ("SM2", "1.2.156.10197.1.301")


def moment(field: Fact, leaf: Leaf) -> bool:
    """A time by its bytes and in words."""
    return octets(field, leaf) and field["label"] == re.sub(r"[()]", "", leaf.show)


def label(field: Fact, leaf: Leaf) -> bool:
    """What is in it, by name."""
    theirs = re.search(r"\((.*)\)$", leaf.says)
    return theirs is not None and alike(field["label"], theirs[1])


def attribute_name(field: Fact, leaf: Leaf) -> bool:
    """The attribute of a name: ``CN`` for ``id-at-commonName``."""
    found = re.search(r"\((.*)=", leaf.says)
    return found is not None and field["label"].partition("=")[0] == SHORT[found[1]]


def distinguished(field: Fact, leaf: Leaf) -> bool:
    """A whole name."""
    return bool(field["label"] == name_of(leaf))


def ranges(field: Fact, leaf: Leaf) -> bool:
    """Nothing but where it is: what it holds is compared by itself."""
    return field["value"] is None or leaf.value is None or octets(field, leaf)


#: what we call otherwise than tshark; all others must have one name but for case and punctuation
ALIASES = {
    "gmtls": "tlcp11",  # tshark takes the name from the first drafts
    "applicationlayerprotocolnegotiation": "alpn",
    "unknown": "clientid",  # GM/T 0024-2023, which tshark does not know
    "iso2156101971501": "sm2withsm3",
    "sha256withrsaencryption": "rsawithsha256",
    "idecpublickey": "ecpublickey",
    "rsaencryption": "rsa",
    "idceextkeyusage": "extendedkeyusage",
}
SHORT = {
    "id-at-commonName": "CN",
    "id-at-organizationName": "O",
    "id-at-organizationalUnitName": "OU",
    "id-at-countryName": "C",
}


def alike(ours: str, theirs: str) -> bool:
    """Whether two names are one."""
    mine, other = (re.sub(r"[\W_]", "", one).lower() for one in (ours, theirs))
    other = ALIASES.get(other, other)
    return bool(mine) and mine in (other, other.removeprefix("idce"))


def name_of(leaf: Leaf) -> str:
    """A distinguished name as we write it."""
    found = re.search(r"\((.*)\)$", leaf.says)
    assert found is not None, leaf
    parts = [part.partition("=") for part in found[1].split(",")]
    return ",".join(f"{SHORT[kind]}={value}" for kind, _, value in parts)


# ---- which field is compared, and how --------------------------------------------------------


class Rule(NamedTuple):
    """Which field of ours a field of tshark's is.

    Attributes:
        path: a regular expression.
        same: compares value and label.
        whole: whether it begins where tshark's does; else with its length or header before.
    """

    path: str
    same: Callable[[Fact, Leaf], bool]
    whole: bool = True


EXTENSION = r"extensions\[\d+\]\.data"
NAME = rf"{EXTENSION}\.names\[\d+\]"
CERTIFICATE = r"certificates\[\d+\]"
TBS = rf"{CERTIFICATE}\.tbs"
DN = rf"({TBS}\.(issuer|subject)|certificate_authorities\[\d+\])"
TLS = {
    "type": Rule("type", named),
    "length": Rule("length", number),
    "version": Rule("version", named),
    "random": Rule("random", octets),
    "session_id_length": Rule(r"session_id\.length", number),
    "session_id": Rule("session_id", octets, whole=False),
    "cipher_suites_length": Rule(r"cipher_suites\.length", number),
    "ciphersuites": Rule("cipher_suites", ranges, whole=False),
    "ciphersuite": Rule(r"cipher_suites\[\d+\]|cipher_suite", named),
    "comp_methods_length": Rule(r"compression_methods\.length", number),
    "comp_methods": Rule("compression_methods", ranges, whole=False),
    "extensions_length": Rule(r"extensions\.length", number),
    "extension.type": Rule(r"extensions\[\d+\]\.type", named),
    "extension.len": Rule(rf"{EXTENSION}\.length", number),
    "extension.data": Rule(EXTENSION, octets, whole=False),
    "extensions_server_name_list_len": Rule(rf"{EXTENSION}\.names\.length", number),
    "extensions_server_name_type": Rule(rf"{NAME}\.\w*type", named),
    "extensions_server_name_len": Rule(rf"{NAME}\.name\.length", number),
    "extensions_server_name": Rule(rf"{NAME}\.name", text, whole=False),
    "extensions_alpn_len": Rule(rf"{EXTENSION}\.protocols\.length", number),
    "extensions_alpn_list": Rule(rf"{EXTENSION}\.protocols", ranges, whole=False),
    "extensions_alpn_str_len": Rule(rf"{EXTENSION}\.protocols\[\d+\]\.length", number),
    "extensions_alpn_str": Rule(rf"{EXTENSION}\.protocols\[\d+\]", text, whole=False),
    "extensions_status_request_type": Rule(rf"({EXTENSION}\.)?status_type", named),
    "extensions_status_request_responder_ids_len": Rule(
        rf"{EXTENSION}\.responder_ids\.length", number
    ),
    "extensions_status_request_exts_len": Rule(rf"{EXTENSION}\.request_extensions\.length", number),
    "extensions_supported_groups_length": Rule(rf"{EXTENSION}\.groups\.length", number),
    "extensions_supported_groups": Rule(rf"{EXTENSION}\.groups", ranges, whole=False),
    "extensions_supported_group": Rule(rf"{EXTENSION}\.groups\[\d+\]", named),
    "sig_hash_alg_len": Rule(rf"{EXTENSION}\.algorithms\.length", number),
    "sig_hash_algs": Rule(rf"{EXTENSION}\.algorithms", ranges, whole=False),
    "sig_hash_alg": Rule(rf"{EXTENSION}\.algorithms\[\d+\]", named),
    "extensions_reneg_info_len": Rule(rf"{EXTENSION}\.renegotiated_connection\.length", number),
    "ocsp_response_len": Rule(r"response\.length", number),
    "certificates_length": Rule(r"certificates\.length", number),
    "certificates": Rule("certificates", ranges, whole=False),
    "certificate_length": Rule(rf"{CERTIFICATE}\.length", number),
    "certificate": Rule(CERTIFICATE, octets, whole=False),
    "cert_types_count": Rule(r"certificate_types\.length", number),
    "cert_types": Rule("certificate_types", ranges, whole=False),
    "dnames_len": Rule(r"certificate_authorities\.length", number),
    "dnames": Rule("certificate_authorities", ranges, whole=False),
    "dname": Rule(r"certificate_authorities\[\d+\]", distinguished, whole=False),
    "dname_len": Rule(r"certificate_authorities\[\d+\]\.length", number),
    "session_ticket_lifetime_hint": Rule("lifetime_s", number),
    "session_ticket_length": Rule(r"ticket\.length", number),
    "session_ticket": Rule("ticket", octets, whole=False),
    "client_cert_vrfy.sig_len": Rule(r"signature\.length", number),
    "client_cert_vrfy.sig": Rule("signature", octets, whole=False),
    "verify_data": Rule("verify_data", bytes_there),
}
ASN1 = {
    "x509af.signedCertificate_element": Rule(TBS, ranges),
    "x509af.version": Rule(rf"{TBS}\.version", number, whole=False),
    "x509af.serialNumber": Rule(rf"{TBS}\.serial", octets, whole=False),
    "x509af.signature_element": Rule(rf"{TBS}\.signature_algorithm", label),
    "x509af.algorithmIdentifier_element": Rule(rf"{CERTIFICATE}\.signature_algorithm", label),
    "x509af.algorithm.id": Rule(rf"{CERTIFICATE}\..*algorithm\.oid", oid, whole=False),
    "x509af.issuer": Rule(rf"{TBS}\.issuer", ranges),
    "x509af.subject": Rule(rf"{TBS}\.subject", ranges),
    "x509if.rdnSequence": Rule(
        rf"{TBS}\.issuer|certificate_authorities\[\d+\]", distinguished, whole=False
    ),
    "x509af.rdnSequence": Rule(rf"{TBS}\.subject", distinguished, whole=False),
    "x509if.RelativeDistinguishedName_item_element": Rule(
        rf"{DN}\[\d+\]", attribute_name, whole=False
    ),
    "x509sat.CountryName": Rule(rf"{DN}\[\d+\]", attribute, whole=False),
    "x509sat.uTF8String": Rule(rf"{DN}\[\d+\]", attribute, whole=False),
    "x509sat.printableString": Rule(rf"{DN}\[\d+\]", attribute, whole=False),
    "x509af.validity_element": Rule(rf"{TBS}\.validity", ranges),
    "x509af.utcTime": Rule(rf"{TBS}\.validity\.not_(before|after)", moment, whole=False),
    "x509af.subjectPublicKeyInfo_element": Rule(rf"{TBS}\.public_key", ranges),
    "x509af.algorithm_element": Rule(rf"{TBS}\.public_key\.algorithm", label),
    "pkcs1.namedCurve": Rule(rf"{TBS}\.public_key\.algorithm\.parameters", curve, whole=False),
    "x509af.subjectPublicKey": Rule(rf"{TBS}\.public_key\.(point|key)", octets, whole=False),
    "x509af.extensions": Rule(rf"{TBS}\.extensions", ranges, whole=False),
    "x509af.Extension_element": Rule(rf"{TBS}\.extensions\[\d+\]", label),
    "x509af.extension.id": Rule(rf"{TBS}\.extensions\[\d+\]\.oid", oid, whole=False),
    "x509af.critical": Rule(rf"{TBS}\.extensions\[\d+\]\.critical", true, whole=False),
    "x509af.encrypted": Rule(rf"{CERTIFICATE}\.signature", octets, whole=False),
}
RULES = {
    **{f"tls.handshake.{name}": rule for name, rule in TLS.items()},
    "tls.alert_message.level": Rule("level", named),
    "tls.alert_message.desc": Rule("description", named),
    **ASN1,
}

#: a part of a field of ours, which has its bytes and no field for the part
PARTS = {
    "tls.handshake.random_time": "random",  # the standard has a time there, stacks often none
    "tls.handshake.random_bytes": "random",
    "tls.handshake.comp_method": r"compression_methods?",  # a list of bytes; or the one chosen
    "tls.handshake.cert_type": "certificate_types",  # a list of bytes, with the names in its label
    "tls.handshake.sig_hash_hash": rf"{EXTENSION}\.algorithms\[\d+\]",  # TLS 1.2's halves of it
    "tls.handshake.sig_hash_sig": rf"{EXTENSION}\.algorithms\[\d+\]",
    "ocsp.responseStatus": "response",  # we read OCSP when we verify, and show DER
}
#: what an extension of a certificate holds: DER in the fields; what it says is in
#: ``certificates`` of the JSON, and compared there
IN_EXTENSIONS = ("x509ce.", "ber.bitstring.padding")
#: what is not compared, and why
LEFT_OUT = {
    "tls.handshake.ja3": "a digest of others' making, no field",
    "tls.handshake.ja3_full": "likewise",
    "tls.handshake.ja3s": "likewise",
    "tls.handshake.ja3s_full": "likewise",
    "x509if.RDNSequence_item": "the range and words of RelativeDistinguishedName_item_element",
    "x509if.oid": "of an attribute, whose name is compared in RelativeDistinguishedName",
    "x509sat.DirectoryString": "which kind of string: its text is compared",
    "x509af.notBefore": "which kind of time: the time is compared as utcTime",
    "x509af.notAfter": "likewise",
    "pkcs1.ECParameters": "which kind of parameters: the curve is compared as namedCurve",
    "pkcs1.modulus": "of an RSA key, which we show in one piece: compared as subjectPublicKey",
    "pkcs1.publicExponent": "likewise",
    "pkcs1.RSAPublicKey_element": "likewise",
    "ber.bitstring.padding": "of a key or a signature: no bit of theirs is unused",
}


def compare(leaf: Leaf, message: Fact) -> str:
    """What is wrong with what we say of a field that tshark prints; "" if nothing is."""
    if leaf.name in LEFT_OUT and not _inside_extension(leaf, message):
        return ""
    fields = message["fields"]
    if leaf.name.startswith(IN_EXTENSIONS):
        return "" if _inside_extension(leaf, message) else "in no extension of ours"
    if leaf.name in PARTS:
        return _part(leaf, fields, PARTS[leaf.name])
    if leaf.name not in RULES:
        return f"tshark prints {leaf.name}, which is not known here"
    rule = RULES[leaf.name]
    found = [
        one
        for one in fields
        if re.fullmatch(rule.path, one["path"])
        and one["end"] == leaf.end
        and (one["start"] == leaf.start if rule.whole else one["start"] <= leaf.start)
    ]
    if not found:
        return f"no field {rule.path} at {leaf.start}..{leaf.end}"
    if rule.same is bytes_there:  # which tshark has decrypted, and prints without its value
        leaf = leaf._replace(value=bytes.fromhex(message["data"])[leaf.start : leaf.end])
    return "" if any(rule.same(one, leaf) for one in found) else f"we say {found}"


def _part(leaf: Leaf, fields: list[Fact], path: str) -> str:
    for one in fields:
        around = one["start"] <= leaf.start <= leaf.end <= one["end"]
        if not around or not re.fullmatch(path, one["path"]):
            continue
        value = one["value"]
        if isinstance(value, int):
            value = value.to_bytes(one["end"] - one["start"], "big").hex()
        data = bytes.fromhex(value)
        at = leaf.start - (one["end"] - len(data))
        same = data[at : at + leaf.end - leaf.start] == leaf.value
        if leaf.name == "tls.handshake.cert_type":  # its name is one of those in the label
            same &= named({"value": data[at], "label": one["label"].split(", ")[at]}, leaf)
        return "" if same else f"we say {one}"
    return f"no field {path} around {leaf.start}..{leaf.end}"


def _inside_extension(leaf: Leaf, message: Fact) -> bool:
    return any(
        one["start"] <= leaf.start and leaf.end <= one["end"]
        for one in message["fields"]
        if re.fullmatch(rf"{TBS}\.extensions\[\d+\]\.value", one["path"])
    )


# ---- certificates ----------------------------------------------------------------------------

USAGES = {"contentCommitment": "nonRepudiation"}  # X.509's newer name for it


def certificates_of(leaves: list[Leaf]) -> list[list[Leaf]]:
    """What tshark prints of each certificate of a message."""
    found: list[list[Leaf]] = []
    for leaf in leaves:
        if leaf.name == "tls.handshake.certificate":
            found.append([leaf])
        elif found and leaf.start >= found[-1][0].start and leaf.end <= found[-1][0].end:
            found[-1].append(leaf)
    return found


def facts_of(leaves: list[Leaf]) -> Fact:
    """What tshark says of a certificate, as our ``certificates`` say it."""

    def all_of(name: str) -> list[Leaf]:
        return [leaf for leaf in leaves if leaf.name == name]

    def one(name: str) -> Leaf:
        return all_of(name)[0]

    usages = [leaf for leaf in leaves if leaf.name.startswith("x509ce.KeyUsage.")]
    usage_names = [leaf.name.rpartition(".")[2] for leaf in usages if leaf.show == "1"]
    purposes = [
        leaf.says.rpartition("id-kp-")[2].rstrip(")") for leaf in all_of("x509ce.KeyPurposeId")
    ]
    moments = [
        leaf.show.replace(" (UTC)", "+00:00").replace(" ", "T") for leaf in all_of("x509af.utcTime")
    ]
    lengths = all_of("x509ce.pathLenConstraint")
    algorithms = [leaf.show for leaf in all_of("x509af.algorithm.id")]
    curves = [leaf.show for leaf in all_of("pkcs1.namedCurve")]
    kinds = ("dNSName", "IPAddress.ipv4", "IPAddress.ipv6")
    names = [leaf for kind in kinds for leaf in all_of(f"x509ce.{kind}")]
    return {
        "version": int(one("x509af.version").show) + 1,
        "serial": int.from_bytes(one("x509af.serialNumber").value or b"", "big", signed=True),
        "issuer": name_of(one("x509if.rdnSequence")),
        "subject": name_of(one("x509af.rdnSequence")),
        "not_before": moments[0],
        "not_after": moments[1],
        "key_usage": sorted(USAGES.get(name, name) for name in usage_names) if usages else None,
        "extended_key_usage": sorted(purposes) if purposes else None,
        "is_ca": any(leaf.show == "1" for leaf in all_of("x509ce.cA")),
        "path_length": int(lengths[0].show) if lengths else None,
        "names": [leaf.show for leaf in names],
        "signature_algorithm": [algorithms[0], algorithms[-1]],
        "key_algorithm": [algorithms[1], *curves],
        "key": (one("x509af.subjectPublicKey").value or b"").hex(),
    }


KEYS = {"SM2": ["1.2.840.10045.2.1", "1.2.156.10197.1.301"], "RSA": ["1.2.840.113549.1.1.1"]}
#: what ``certificates`` says and tshark does not
NOT_BY_TSHARK = {
    "role": "of a pair: TLCP's own, which tshark does not know",
    "issued_by": "found by verifying signatures, which tshark does not",
    "sm3": "a digest, which tshark does not make",
    "problem": "none here",
}


def ours_as_facts(certificate: Fact) -> Fact:
    """What our ``certificates`` say, in the same form."""
    key = certificate["public_key"]
    known = {*_AS_THEY_ARE, "serial", "signature_algorithm", "public_key", *NOT_BY_TSHARK}
    assert set(certificate) == known, "a fact that is neither compared nor left out for a reason"
    found = {name: certificate[name] for name in _AS_THEY_ARE}
    signed = re.search(r"\(([\d.]+)\)$", certificate["signature_algorithm"])
    assert signed is not None
    found["serial"] = int(certificate["serial"], 16)
    found["signature_algorithm"] = [signed[1], signed[1]]
    found["key_algorithm"] = KEYS[key["algorithm"]]
    # of RSA we give SubjectPublicKeyInfo: what tshark shows is the end of it
    found["key"] = key["data"] if key["algorithm"] == "SM2" else key["data"][_RSA_HEAD:]
    return found


_AS_THEY_ARE = (
    *("version", "issuer", "subject", "not_before", "not_after", "key_usage"),
    *("extended_key_usage", "is_ca", "path_length", "names"),
)
_RSA_HEAD = 2 * 24  # hex digits before the key of 2048 bits
