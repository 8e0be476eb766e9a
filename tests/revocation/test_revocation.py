"""What lists and OCSP responses make of a chain, over SM2 and over ECDSA.

Spec: RFC 5280 5, 6.3; RFC 6960 3.2, 4.2.2; GB/T 38636-2020 6.4.4 certificate_revoked
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from cryptography import x509

from chains.making import DAY, NOW, Kind
from revocation.making import POINT, Responder, answer, ask, certificate, crl, signer
from tlcp.alerts import AlertDescription
from tlcp.errors import CertificateProblem, CertificateVerifyError, ConfigError, DecodeError
from tlcp.pki.crl import Revocation, build_crl, crl_pem
from tlcp.pki.ocsp import OcspAnswer, OcspFailure, build_ocsp_failure, build_ocsp_response
from tlcp.x509 import crl as module
from tlcp.x509.chain import verify_chain
from tlcp.x509.crl import RevocationList, load_crls, read_crls
from tlcp.x509.ocsp import OcspCertId
from tlcp.x509.ocsp_response import OcspResponse
from tlcp.x509.revocation import RevocationPolicy
from tlcp.x509.trust import TrustStore

KINDS = pytest.mark.parametrize("kind", ["sm2", "ecdsa"])
LAST = datetime.datetime(9999, 12, 31, 12, tzinfo=datetime.UTC)
REVOKED, UNKNOWN = CertificateProblem.REVOKED, CertificateProblem.REVOCATION_UNKNOWN
Made = Callable[[Kind], Any]


@dataclass(frozen=True)
class Case:
    """What there is, and what comes of it.

    Attributes:
        id: of the case.
        wanted: the problem; None = accepted.
        text: stands in the refusal.
        lists, stapled: what is at hand.
        more: of ``ask``.
    """

    id: str
    wanted: CertificateProblem | None
    text: str = ""
    lists: tuple[Made, ...] = ()
    stapled: Made | None = None
    more: dict[str, Any] = field(default_factory=dict)


def leaf_number(kind: Kind) -> int:
    return certificate("leaf", kind).serial_number


def a_list(*names: str, **more: Any) -> Made:
    """A list that revokes these certificates."""
    return lambda kind: crl(kind, *(certificate(n, kind).serial_number for n in names), **more)


def an_answer(status: str = "good", **more: Any) -> Made:
    return lambda kind: answer(kind, status, **more)


def scope(**limits: Any) -> list[tuple[x509.ExtensionType, bool]]:
    chosen: dict[str, Any] = {
        "full_name": None,
        "relative_name": None,
        "only_contains_user_certs": False,
        "only_contains_ca_certs": False,
        "only_some_reasons": None,
        "indirect_crl": False,
        "only_contains_attribute_certs": False,
    } | limits
    return [(x509.IssuingDistributionPoint(**chosen), True)]


def at(url: str) -> list[tuple[x509.ExtensionType, bool]]:
    return scope(full_name=[x509.UniformResourceIdentifier(url)])


SOFT = {"mode": "soft-fail"}
CHAIN = {"scope": "chain"}
CASES = [
    # lists
    Case("nothing at hand", UNKNOWN, "nothing tells whether the signing certificate CN=leaf"),
    Case("nothing at hand, soft", None, more=SOFT),
    Case("an empty list", None, lists=(a_list(),)),
    Case("revoked", REVOKED, "as its CRL says", lists=(a_list("leaf"),)),
    Case("revoked, soft", REVOKED, lists=(a_list("leaf"),), more=SOFT),
    Case("another one is revoked", None, lists=(a_list("Responder"),)),
    Case(
        "many are revoked, one of them",
        REVOKED,
        lists=(lambda k: crl(k, *range(1, 3000), leaf_number(k)),),
    ),
    Case("list of another issuer", UNKNOWN, "there is no list", lists=(a_list("leaf", by="Root"),)),
    Case(
        "list of a stranger in the CA's name",
        UNKNOWN,
        "is not signed by",
        lists=(a_list("leaf", key="Stranger"),),
    ),
    Case("the same, soft", None, lists=(a_list("leaf", key="Stranger"),), more=SOFT),
    Case(
        "list of the CA's other key",
        UNKNOWN,
        "is not signed by",
        lists=(a_list("leaf", key="Sub2"),),
    ),
    Case(
        "forged and true list",
        REVOKED,
        lists=(a_list(key="Stranger", crl_number=9), a_list("leaf")),
    ),
    Case("expired list", UNKNOWN, "has expired", lists=(a_list(next_update=NOW - DAY / 2),)),
    Case(
        "expired list that revokes",
        REVOKED,
        lists=(a_list("leaf", next_update=NOW - DAY / 2),),
    ),
    Case(
        "expired list that revokes, soft",
        REVOKED,
        lists=(a_list("leaf", next_update=NOW - DAY / 2),),
        more=SOFT,
    ),
    Case(
        "expired list that revokes, by a stranger",
        UNKNOWN,
        "has expired",
        lists=(a_list("leaf", next_update=NOW - DAY / 2, key="Sub2"),),
    ),
    Case(
        "expired list that revokes, and a newer one that does not",
        UNKNOWN,
        "has expired",
        lists=(
            a_list("leaf", next_update=NOW - DAY / 2),
            a_list(next_update=NOW - DAY / 4, crl_number=2),
        ),
    ),
    Case(
        "expired list that revokes, stapled good",
        None,
        lists=(a_list("leaf", next_update=NOW - DAY / 2),),
        stapled=an_answer(),
    ),
    Case("expired and valid list", None, lists=(a_list(next_update=NOW - DAY / 2), a_list())),
    Case(
        "list of the future", UNKNOWN, "of the future", lists=(a_list(this_update=NOW + DAY / 24),)
    ),
    Case(
        "list of a clock that is a minute fast", None, lists=(a_list(this_update=NOW + DAY / 1440),)
    ),
    Case(
        "the newer list revokes",
        REVOKED,
        lists=(a_list(), a_list("leaf", this_update=NOW, crl_number=2)),
    ),
    Case(
        "the newer list lifts a hold",
        None,
        lists=(a_list("leaf"), a_list(this_update=NOW, crl_number=2)),
    ),
    Case(
        "of one moment the higher number counts",
        REVOKED,
        lists=(a_list("leaf", crl_number=3), a_list(crl_number=2)),
    ),
    Case("without a number", None, lists=(a_list(crl_number=None),)),
    Case(
        "issuer may not sign lists",
        UNKNOWN,
        "without cRLSign",
        lists=(a_list(),),
        more={"sub": "NoCrl"},
    ),
    Case(
        "for end certificates alone",
        None,
        lists=(a_list(extensions=scope(only_contains_user_certs=True)),),
    ),
    Case(
        "for CAs alone",
        UNKNOWN,
        "there is no list",
        lists=(a_list("leaf", extensions=scope(only_contains_ca_certs=True)),),
    ),
    Case(
        "of the certificate's distribution point",
        REVOKED,
        lists=(a_list("leaf", extensions=at(POINT)),),
    ),
    Case(
        "of another distribution point",
        UNKNOWN,
        "there is no list",
        lists=(a_list(extensions=at("http://crl.example/2")),),
    ),
    Case(
        "uncritical unknown extension",
        None,
        lists=(
            a_list(
                extensions=[
                    (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"\5\0"), False)
                ]
            ),
        ),
    ),
    # the CAs between
    Case("CA revoked, leaf asked for", None, lists=(a_list(), a_list("Sub", by="Root"))),
    Case(
        "CA revoked, chain asked for",
        REVOKED,
        "CN=Sub",
        lists=(a_list(), a_list("Sub", by="Root")),
        more=CHAIN,
    ),
    Case("chain asked for, no list of the root", UNKNOWN, "CN=Sub", lists=(a_list(),), more=CHAIN),
    Case("chain asked for, all lists", None, lists=(a_list(), a_list(by="Root")), more=CHAIN),
    Case(
        "chain, soft, leaf revoked", REVOKED, "CN=leaf", lists=(a_list("leaf"),), more=CHAIN | SOFT
    ),
    # stapled answers
    Case("stapled good", None, stapled=an_answer()),
    Case("stapled good, named by SHA-256", None, stapled=an_answer(hash_name="sha256")),
    Case("stapled good, named by SM3", None, stapled=an_answer(hash_name="sm3")),
    Case("stapled revoked", REVOKED, "as stapled OCSP says", stapled=an_answer("revoked")),
    Case("stapled revoked, named by SM3", REVOKED, stapled=an_answer("revoked", hash_name="sm3")),
    Case(
        "stapled revoked with a reason",
        REVOKED,
        "keyCompromise",
        stapled=an_answer("revoked", reason=x509.ReasonFlags.key_compromise),
    ),
    Case("stapled revoked, soft", REVOKED, stapled=an_answer("revoked"), more=SOFT),
    Case("stapled unknown", UNKNOWN, "does not know", stapled=an_answer("unknown")),
    Case("stapled unknown, soft", None, stapled=an_answer("unknown"), more=SOFT),
    Case(
        "stapled, of another certificate",
        UNKNOWN,
        "says nothing of",
        stapled=an_answer(about="Responder"),
    ),
    Case(
        "stapled, of another issuer",
        UNKNOWN,
        "says nothing of",
        stapled=an_answer(issuer="Stranger"),
    ),
    Case("stapled, expired", UNKNOWN, "expired", stapled=an_answer(begin=-2, end=-1)),
    Case(
        "stapled revoked, expired",
        REVOKED,
        stapled=an_answer("revoked", begin=-2, end=-1),
    ),
    Case(
        "stapled revoked, expired, soft",
        REVOKED,
        stapled=an_answer("revoked", begin=-2, end=-1),
        more=SOFT,
    ),
    Case(
        "stapled revoked, expired, by a stranger",
        UNKNOWN,
        "expired",
        stapled=an_answer("revoked", begin=-2, end=-1, by="Stranger"),
    ),
    Case(
        "stapled, of the year 9999",
        UNKNOWN,
        "of the future",
        stapled=an_answer("revoked", begin=(LAST - NOW) / DAY, end=None),
    ),
    Case("stapled, of the future", UNKNOWN, "of the future", stapled=an_answer(begin=0.1)),
    Case("stapled, no end, fresh", None, stapled=an_answer(begin=-0.5, end=None)),
    Case("stapled, no end, old", UNKNOWN, "expired", stapled=an_answer(begin=-1.5, end=None)),
    Case("stapled, by a stranger", UNKNOWN, "signed neither by", stapled=an_answer(by="Stranger")),
    Case(
        "stapled, by a stranger that is sent along",
        UNKNOWN,
        "signed neither",
        stapled=an_answer(by="Stranger", certificates=("Stranger",)),
    ),
    Case(
        "stapled, by the CA's issuer",
        UNKNOWN,
        "signed neither",
        stapled=an_answer(by="Root", certificates=("Root",)),
    ),
    Case(
        "stapled, by a responder of the CA",
        None,
        stapled=an_answer(by="Responder", certificates=("Responder",)),
    ),
    Case(
        "the same, revoked",
        REVOKED,
        stapled=an_answer("revoked", by="Responder", certificates=("Responder",)),
    ),
    Case(
        "the same, certificate not sent",
        UNKNOWN,
        "signed neither",
        stapled=an_answer(by="Responder"),
    ),
    Case(
        "the same, behind others",
        None,
        stapled=an_answer(by="Responder", certificates=("Root", "NoPurpose", "Responder")),
    ),
    Case(
        "stapled, by a responder of the root",
        UNKNOWN,
        "signed neither",
        stapled=an_answer(by="ByRoot", certificates=("ByRoot",)),
    ),
    Case(
        "stapled, by an expired responder",
        UNKNOWN,
        "signed neither",
        stapled=an_answer(by="Expired", certificates=("Expired",)),
    ),
    Case(
        "stapled, by an end certificate",
        UNKNOWN,
        "signed neither",
        stapled=an_answer(by="NoPurpose", certificates=("NoPurpose",)),
    ),
    Case(
        "stapled, by a key for encryption",
        UNKNOWN,
        "signed neither",
        stapled=an_answer(by="NoSigning", certificates=("NoSigning",)),
    ),
    Case(
        "stapled refusal",
        UNKNOWN,
        "try_later",
        stapled=lambda _: build_ocsp_failure(OcspFailure.TRY_LATER),
    ),
    Case(
        "stapled refusal, soft",
        None,
        stapled=lambda _: build_ocsp_failure(OcspFailure.TRY_LATER),
        more=SOFT,
    ),
    Case("stapled nonsense", UNKNOWN, "cannot be read", stapled=lambda _: b"\x30\x03\x0a\x01\x00"),
    Case("stapled nothing", UNKNOWN, "cannot be read", stapled=lambda _: b""),
    Case("stapled 64 KiB", UNKNOWN, "more than 65536", stapled=lambda _: bytes(1 << 17)),
    # both
    Case(
        "list good, stapled revoked",
        REVOKED,
        "stapled OCSP",
        lists=(a_list(),),
        stapled=an_answer("revoked"),
    ),
    Case(
        "list revoked, stapled good",
        REVOKED,
        "its CRL",
        lists=(a_list("leaf"),),
        stapled=an_answer(),
    ),
    Case(
        "list expired, stapled good",
        None,
        lists=(a_list(next_update=NOW - DAY / 2),),
        stapled=an_answer(),
    ),
    Case("list good, stapled expired", None, lists=(a_list(),), stapled=an_answer(end=-0.5)),
    Case(
        "chain: leaf stapled, CA by a list",
        None,
        lists=(a_list(by="Root"),),
        stapled=an_answer(),
        more=CHAIN,
    ),
]


@KINDS
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_case(case: Case, kind: Kind) -> None:
    lists = tuple(make(kind) for make in case.lists)
    stapled = case.stapled(kind) if case.stapled is not None else None
    if case.wanted is None:
        ask(kind, lists=lists, stapled=stapled, **case.more)
        return
    with pytest.raises(CertificateVerifyError) as caught:
        ask(kind, lists=lists, stapled=stapled, **case.more)
    assert caught.value.problem is case.wanted, caught.value
    assert case.text in str(caught.value)
    assert caught.value.alert_to_send is (
        AlertDescription.CERTIFICATE_REVOKED
        if case.wanted is REVOKED
        else AlertDescription.CERTIFICATE_UNKNOWN
    )


# ---- lists that are not taken --------------------------------------------------------------------

REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "delta": ("delta", {"extensions": [(x509.DeltaCRLIndicator(1), True)]}),
    "delta, not critical": ("delta", {"extensions": [(x509.DeltaCRLIndicator(1), False)]}),
    "indirect": ("indirect", {"extensions": scope(indirect_crl=True)}),
    "indirect by an entry": (
        "indirect",
        {
            "revoked": [
                Revocation(
                    7,
                    NOW,
                    extensions=(
                        (
                            x509.CertificateIssuer(
                                [x509.DirectoryName(x509.Name.from_rfc4514_string("CN=Other"))]
                            ),
                            True,
                        ),
                    ),
                )
            ]
        },
    ),
    "some reasons": (
        "some reasons",
        {
            "extensions": scope(
                full_name=[x509.UniformResourceIdentifier(POINT)],
                only_some_reasons=frozenset({x509.ReasonFlags.key_compromise}),
            )
        },
    ),
    "attribute certificates": (
        "attribute",
        {"extensions": scope(only_contains_attribute_certs=True)},
    ),
    "critical unknown extension": (
        "1.2.3",
        {
            "extensions": [
                (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"\5\0"), True)
            ]
        },
    ),
    "critical unknown extension of an entry": (
        "1.2.3",
        {
            "revoked": [
                Revocation(
                    7,
                    NOW,
                    extensions=(
                        (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"\5\0"), True),
                    ),
                )
            ]
        },
    ),
    "no end": ("until when", {"next_update": None}),
}


@KINDS
@pytest.mark.parametrize("name", REFUSED)
def test_lists_that_say_less_than_they_seem_to_are_refused_at_loading(
    name: str, kind: Kind
) -> None:
    text, changes = REFUSED[name]
    with pytest.raises(ConfigError, match="give the CA's complete list") as caught:
        RevocationList.from_der(crl(kind, **changes))
    assert text in str(caught.value)


@KINDS
def test_every_truncation_of_a_list_and_of_an_answer_is_refused(kind: Kind) -> None:
    whole = crl(kind, 5)
    for size in range(len(whole)):
        with pytest.raises(ConfigError):
            RevocationList.from_der(whole[:size])
    response = answer(kind, by="Responder", certificates=("Responder",))
    for size in range(len(response)):
        with pytest.raises(DecodeError):
            OcspResponse.from_der(response[:size])


@KINDS
def test_a_flipped_bit_anywhere_never_makes_good_of_revoked(kind: Kind) -> None:
    """Neither by a list nor by a stapled answer, under hard-fail."""
    for made, words in (
        (crl(kind, leaf_number(kind)), "lists"),
        (answer(kind, "revoked"), "stapled"),
    ):
        for place in range(len(made)):
            bent = bytearray(made)
            bent[place] ^= 1 << place % 8
            given: Any = (bytes(bent),) if words == "lists" else bytes(bent)
            with pytest.raises((CertificateVerifyError, ConfigError)):
                ask(kind, **{words: given})


# ---- files ---------------------------------------------------------------------------------------


def test_lists_come_from_files_and_directories(tmp_path: Any) -> None:
    one, other = crl("sm2", 5), crl("sm2", by="Root")
    pem, der = tmp_path / "both.pem", tmp_path / "one.crl"
    pem.write_bytes(b"words\n" + crl_pem(one, other))
    der.write_bytes(one)
    (tmp_path / "README").write_text("no list")
    (tmp_path / "server.key").write_bytes(b"\x30\x00")
    assert [crl.issuer_text for crl in load_crls([pem])] == ["CN=Sub", "CN=Root"]
    assert len(load_crls([tmp_path])) == 3
    assert len(load_crls([pem, der, tmp_path])) == 6
    with pytest.raises(OSError, match="nowhere"):
        load_crls([tmp_path / "nowhere"])
    with pytest.raises(ConfigError, match="holds no revocation list"):
        load_crls([tmp_path / "README"])
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ConfigError, match="holds no revocation list"):
        load_crls([empty])
    with pytest.raises(ConfigError, match="X509 CRL"):
        read_crls(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "a file")


# ---- asking --------------------------------------------------------------------------------------


@KINDS
def test_a_responder_is_asked_once_and_only_if_nothing_else_tells(kind: Kind) -> None:
    responder = Responder(answer(kind))
    ask(kind, lists=(crl(kind),), fetch=responder)
    ask(kind, stapled=answer(kind), fetch=responder)
    assert responder.asked == 0
    ask(kind, lists=(crl(kind, next_update=NOW - DAY / 2),), fetch=responder)
    assert responder.asked == 1


@KINDS
def test_what_a_responder_said_is_remembered_until_it_expires(kind: Kind) -> None:
    responder = Responder(answer(kind, end=0.5))
    policy = RevocationPolicy(fetch=responder)

    def verify(now: datetime.datetime) -> None:
        verify_chain(
            certificate("leaf", kind),
            [certificate("Sub", kind)],
            TrustStore([certificate("Root", kind)]),
            now=now,
            purpose="server",
            revocation=policy.checker(),
        )

    verify(NOW)
    responder.says = answer(kind, "revoked")
    verify(NOW + DAY / 2)
    assert responder.asked == 1
    with pytest.raises(CertificateVerifyError, match="is revoked since"):
        verify(NOW + DAY * 0.6)
    assert responder.asked == 2


def test_null_after_the_algorithm_is_taken_of_sm2() -> None:
    ask("sm2", lists=(crl("sm2", null_parameters=True),))


@KINDS
@pytest.mark.parametrize(
    ("says", "text"),
    [
        (OSError("connection refused"), "connection refused"),
        (b"", "cannot be read"),
        (b"<html>no OCSP here</html>", "cannot be read"),
    ],
)
def test_a_responder_that_does_not_answer(kind: Kind, says: Any, text: str) -> None:
    told = list[CertificateVerifyError]()
    with pytest.raises(CertificateVerifyError, match=r"http://ocsp\.example/") as caught:
        ask(kind, fetch=Responder(says))
    assert caught.value.problem is UNKNOWN
    assert text in str(caught.value)
    ask(kind, fetch=Responder(says), mode="soft-fail", on_unknown=told.append)
    assert len(told) == 1
    assert text in str(told[0])


@KINDS
def test_a_responder_that_says_revoked(kind: Kind) -> None:
    with pytest.raises(CertificateVerifyError, match="is revoked since") as caught:
        ask(kind, fetch=Responder(answer(kind, "revoked")), mode="soft-fail")
    assert caught.value.problem is REVOKED


@pytest.mark.parametrize("words", [{"mode": "hard"}, {"scope": "all"}])
def test_other_words_are_refused(words: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="is none of"):
        RevocationPolicy(**words)


def test_entries_tell_since_when_and_why() -> None:
    reason = x509.ReasonFlags.cessation_of_operation
    der = build_crl(
        issuer=certificate("Sub", "sm2").subject,
        signer=signer("Sub", "sm2"),
        this_update=NOW,
        next_update=NOW + DAY,
        revoked=[Revocation(leaf_number("sm2"), NOW - DAY, reason)],
    )
    with pytest.raises(CertificateVerifyError, match=r"2026-11-22 12:00 UTC, reason cessation"):
        ask("sm2", lists=(der,))


def test_a_list_of_an_unknown_version_is_an_error_of_ours() -> None:
    der = crl("sm2", 5)
    with pytest.raises(ConfigError, match="version"):
        RevocationList.from_der(der.replace(b"\x02\x01\x01\x30", b"\x02\x01\x02\x30", 1))


# ---- what is seldom ------------------------------------------------------------------------------


def test_a_certificate_without_a_responder_is_not_asked_about() -> None:
    responder = Responder(answer("sm2"))
    with pytest.raises(CertificateVerifyError, match="names no OCSP responder"):
        verify_chain(
            certificate("NoPurpose", "sm2"),
            [certificate("Sub", "sm2")],
            TrustStore([certificate("Root", "sm2")]),
            now=NOW,
            purpose="client",
            revocation=RevocationPolicy(fetch=responder).checker(),
        )
    assert responder.asked == 0


def test_a_responder_that_answers_for_somebody_else_counts_as_none() -> None:
    with pytest.raises(CertificateVerifyError, match="says nothing of this certificate"):
        ask("sm2", fetch=Responder(answer("sm2", about="Responder")))


def test_a_list_that_names_its_point_relative_to_the_issuer_is_refused() -> None:
    name = x509.RelativeDistinguishedName([x509.NameAttribute(x509.NameOID.COMMON_NAME, "one")])
    with pytest.raises(ConfigError, match="relative to the issuer"):
        RevocationList.from_der(crl("sm2", extensions=scope(relative_name=name)))


def test_a_list_for_end_certificates_says_nothing_of_a_ca() -> None:
    ends = crl("sm2", by="Root", extensions=scope(only_contains_user_certs=True))
    assert not RevocationList.from_der(ends).covers(certificate("Sub", "sm2"))


def test_entries_with_other_extensions_are_read() -> None:
    when = datetime.datetime(2026, 11, 1)
    date = x509.InvalidityDate(when)
    one = Revocation(leaf_number("sm2"), NOW - DAY, extensions=((date, False),))
    with pytest.raises(CertificateVerifyError, match=r"is revoked since .* UTC, as its CRL says"):
        ask("sm2", lists=(crl("sm2", revoked=[one]),))


def _response(**more: Any) -> bytes:
    identifier = OcspCertId.of(leaf_number("sm2"), certificate("Sub", "sm2"))
    one = OcspAnswer(identifier, "good", NOW - DAY, NOW + DAY)
    return build_ocsp_response(
        **{
            "responder": certificate("Sub", "sm2"),
            "signer": signer("Sub", "sm2"),
            "answers": [one],
            "produced_at": NOW,
            **more,
        }
    )


def test_extensions_of_responses() -> None:
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"\5\0")
    ask("sm2", stapled=_response(nonce=b"1234", extensions=[(unknown, False)]))
    with pytest.raises(CertificateVerifyError, match=r"critical extension 1\.2\.3"):
        ask("sm2", stapled=_response(extensions=[(unknown, True)]))


def test_a_response_about_very_many_certificates_is_refused() -> None:
    issuer = certificate("Sub", "sm2")
    answers = [
        OcspAnswer(OcspCertId.of(number, issuer), "good", NOW - DAY, NOW + DAY)
        for number in range(1, 66)
    ]
    with pytest.raises(DecodeError, match="more than 64"):
        OcspResponse.from_der(_response(answers=answers))


@KINDS
def test_a_long_list_is_hashed_once_for_each_key(kind: Kind, monkeypatch: Any) -> None:
    """Six megabytes took a tenth of a second in every handshake, for each certificate."""
    made = RevocationList.from_der(crl(kind, *range(5000, 5500)))
    assert made.is_by(certificate("Sub", kind))
    assert not made.is_by(certificate("Sub2", kind))

    def unasked(*_: Any) -> bool:
        raise AssertionError("it was known")

    monkeypatch.setattr(module, "holds", unasked)
    assert made.is_by(certificate("NoCrl", kind))  # the same key
    assert not made.is_by(certificate("Sub2", kind))
    with pytest.raises(AssertionError, match="it was known"):
        made.is_by(certificate("Stranger", kind))
