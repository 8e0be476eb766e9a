"""Ours against every stack that cannot be installed here, as client and as server.

With ``auto`` and with the preset meant for the stack. Where ``auto`` cannot, it is said how that
fails and which dialect the error points to.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from peers.scripted.captured import captured_hello, captured_resumption
from peers.scripted.client import ScriptedClient
from peers.scripted.manners import Stack
from peers.scripted.meeting import meet
from peers.scripted.peer import Remembered, ScriptedPeer
from peers.scripted.server import OCSP_RESPONSE, ScriptedServer
from peers.scripted.stacks import (
    GMSSL,
    GMSSL_31,
    GOTLCP,
    KONA,
    OLD_TASSL,
    OPENHITLS,
    STACKS,
    TASSL,
    TONGSUO,
)
from support import ends
from support.ends import HOST, Side, world
from tlcp.alerts import AlertDescription as A
from tlcp.config import ClientAuth
from tlcp.connection import Connection
from tlcp.dialects import DIALECTS
from tlcp.errors import AlertReceived, CertificateVerifyError, TruncatedError
from tlcp.quirks import Quirk as Q
from tlcp.quirks import likely_stacks
from tlcp.registry import ExtensionType as X
from tlcp.sessions.store import MemoryStore
from tlcp.sessions.ticket_keys import RotatingTicketKeys
from tlcp.suites import ECC_SM4_CBC_SM3, ECC_SM4_GCM_SM3, CipherSuite, KeyExchangeKind, parse_suites
from tlcp.wire.messages import ServerHello
from tlcp.x509.identity import Identity

CA = world().ca.certificate
(_ECDHE_CBC,) = parse_suites("ECDHE_SM4_CBC_SM3")
THERE, BACK = bytes(range(256)) * 160, b"reply" * 9000  # 40 KiB and 44 KiB: several records


def is_ecdhe(suite: CipherSuite) -> bool:
    return suite.key_exchange is KeyExchangeKind.ECDHE


def rows() -> Iterable[Any]:
    """Stack, dialect, suite, mutual: all that the stack has."""
    for stack in STACKS:
        for spoken in ("auto", stack.preset):
            for suite in stack.habits.suites:
                for mutual in (True,) if is_ecdhe(suite) else (True, False):
                    kind = "mutual" if mutual else "oneway"
                    name = f"{stack}-{spoken}-{suite.name}-{kind}"
                    yield pytest.param(stack, spoken, suite, mutual, id=name)


matrix = pytest.mark.parametrize(("stack", "spoken", "suite", "mutual"), [*rows()])
each_stack = pytest.mark.parametrize("stack", STACKS, ids=str)


def our_client(spoken: str, *suites: CipherSuite, mutual: bool = True, **more: Any) -> Connection:
    session = more.pop("session", None)
    more.setdefault("identity", world().client if mutual else None)
    settings = ends.config("client", suites=suites, dialect=DIALECTS[spoken], **more)
    return Connection.client(settings, server_name=HOST, session=session)


def our_server(spoken: str, *suites: CipherSuite, mutual: bool = True, **more: Any) -> Connection:
    auth = ClientAuth.REQUIRED if mutual else ClientAuth.NONE
    return ends.server(suites=suites, client_auth=auth, dialect=DIALECTS[spoken], **more)


def their_server(stack: Stack, *, mutual: bool = True, **more: Any) -> ScriptedServer:
    return ScriptedServer(stack, world().server, CA, mutual=mutual, names=(HOST,), **more)


def their_client(
    stack: Stack, *suites: CipherSuite, mutual: bool = True, **more: Any
) -> ScriptedClient:
    certain = mutual or any(map(is_ecdhe, suites))
    identity = more.pop("identity", world().client if certain else None)
    return ScriptedClient(stack, identity, CA, suites=suites, **more)


def carry_data(ours: Connection, theirs: ScriptedPeer, side: Side) -> None:
    """Data both ways, then close_notify both ways."""
    for data in (b"x", THERE):
        theirs.heard.data = b""
        ours.send_data(data)
        meet(ours, theirs, side)
        assert theirs.heard.data == data
    for data in (b"y", BACK):
        before = len(side.data)
        theirs.send_data(data)
        meet(ours, theirs, side)
        assert side.data[before:] == data
    theirs.close()
    meet(ours, theirs, side)
    assert side.closed
    ours.close()
    meet(ours, theirs, side)
    assert theirs.closed
    assert side.error is None


def must_work(ours: Connection, theirs: ScriptedPeer, suite: CipherSuite) -> Side:
    side = meet(ours, theirs)
    assert theirs.refusal is None, theirs.refusal
    assert side.error is None
    assert theirs.done
    assert side.completed is not None
    assert side.completed.suite is suite
    carry_data(ours, theirs, side)
    return side


def must_fail(ours: Connection, theirs: ScriptedPeer, why: str, alert: int, hint: str) -> None:
    """They refuse for that reason, and our error names the alert and the dialect to try."""
    side = meet(ours, theirs)
    assert theirs.refusal is not None
    assert why in theirs.refusal.why
    assert isinstance(side.error, AlertReceived)
    assert side.alert == alert
    assert side.error.dialect == hint


# ---- ours as the client ------------------------------------------------------------------------

#: what ``auto`` ends with: reason, alert, and the dialect that our error suggests
AUTO_CANNOT = {
    ("gmssl-3.1", "ECC", False): ("extensions", A.UNEXPECTED_MESSAGE, "gmssl-3.1"),
    ("gmssl-3.1", "ECC", True): ("extensions", A.UNEXPECTED_MESSAGE, "gmssl-3.1"),
    ("gmssl-3.3", "ECC", True): ("a second leaf in ECC", A.BAD_CERTIFICATE, "gmssl-3.3"),
    ("gmssl-3.3", "ECDHE", True): ("point in 69 bytes", A.UNEXPECTED_MESSAGE, "standard"),
    ("letter", "ECDHE", True): ("point in 69 bytes", A.DECODE_ERROR, "standard"),
}


@matrix
def test_our_client(stack: Stack, spoken: str, suite: CipherSuite, mutual: bool) -> None:
    ours = our_client(spoken, suite, mutual=mutual)
    theirs = their_server(stack, mutual=mutual, suites=(suite,))
    kind = "ECDHE" if is_ecdhe(suite) else "ECC"
    if spoken == "auto" and (stack.name, kind, mutual) in AUTO_CANNOT:
        must_fail(ours, theirs, *AUTO_CANNOT[stack.name, kind, mutual])
        return
    must_work(ours, theirs, suite)


def found_by_trying(
    stack: Stack, *suites: CipherSuite, mutual: bool, **asked: Any
) -> tuple[list[str], Side]:
    """The dialects that ``create_connection`` would try, and how the last one ended."""
    steps, spoken = list[str](), "auto"
    side = Side()
    while spoken and spoken not in steps:
        steps.append(spoken)
        theirs = their_server(stack, mutual=mutual, suites=suites)
        side = meet(our_client(spoken, *suites, mutual=mutual, **asked), theirs)
        spoken = side.error.dialect if side.error is not None else ""
    return steps, side


@pytest.mark.parametrize("stack", STACKS, ids=str)
def test_failures_lead_to_a_dialect_that_works(stack: Stack) -> None:
    for suite in stack.habits.suites:
        for mutual in (True,) if is_ecdhe(suite) else (True, False):
            for tickets in (False, True):
                steps, side = found_by_trying(stack, suite, mutual=mutual, tickets=tickets)
                assert side.error is None, (suite.name, steps, side.error)
                assert len(steps) <= 3


@each_stack
def test_all_suites_at_once(stack: Stack) -> None:
    """Ours offers or has all that it has by default, theirs too."""
    theirs_has = stack.habits.suites
    steps, spoken = list[str](), "auto"
    while spoken and spoken not in steps:
        steps.append(spoken)
        side = meet(our_client(spoken, *ends.ALL), their_server(stack))
        spoken = side.error.dialect if side.error is not None else ""
    assert side.completed is not None
    best = theirs_has if not stack.habits.obeys_client else ends.ALL
    assert side.completed.suite is next(s for s in best if s in theirs_has)
    side = meet(our_server("auto", *ends.ALL), their_client(stack, *theirs_has, name=HOST))
    assert side.completed is not None
    assert side.completed.suite is next(s for s in ends.ALL if s in theirs_has)


def test_the_way_to_gmssl() -> None:
    """ECDHE: auto has the wrong point, the standard's dialect the wrong algorithm (0704)."""
    steps, _ = found_by_trying(GMSSL, _ECDHE_CBC, mutual=True)
    assert steps == ["auto", "standard", "gmssl-3.3"]
    steps, _ = found_by_trying(GMSSL, ECC_SM4_CBC_SM3, mutual=True)
    assert steps == ["auto", "gmssl-3.3"]


#: what our client sees of a server in a mutual ECC handshake; an answer to its own 00FF is none
SERVER_QUIRKS = {
    "gmssl-3.1": {Q.NO_SESSION_ID},
    "gmssl-3.3": {Q.NO_SESSION_ID, Q.SERVER_NAME_ANSWERED, Q.ROOT_SENT},
    "gotlcp": {Q.SERVER_NAME_ANSWERED, Q.TYPES_RSA_FIRST},
    "tassl": {Q.ROOT_SENT, Q.TYPES_RSA_FIRST},
    "tassl-old": {Q.ENC_LAST, Q.ROOT_SENT, Q.TYPES_RSA_FIRST},
    "tongsuo": {Q.DOWNGRADE_SENTINEL, Q.ROOT_SENT, Q.TYPES_RSA_FIRST},
    "kona": {Q.SERVER_NAME_ANSWERED},
    "openhitls": {Q.NO_CA_NAMES, Q.TYPES_REPEATED},
    "letter": {Q.SERVER_NAME_ANSWERED},
}


@each_stack
def test_what_our_client_notes(stack: Stack) -> None:
    side = meet(our_client(stack.preset, ECC_SM4_CBC_SM3), their_server(stack))
    assert side.completed is not None
    assert set(side.completed.quirks) == SERVER_QUIRKS[stack.name]
    assert len(side.completed.quirks) == len(SERVER_QUIRKS[stack.name])


def test_a_ticket_is_as_good_as_a_session_id() -> None:
    for tickets in (False, True):
        ours = our_client("auto", ECC_SM4_CBC_SM3, tickets=tickets)
        side = meet(ours, their_server(TONGSUO))
        assert side.completed is not None
        assert Q.NO_SESSION_ID not in side.completed.quirks
        assert (Q.TICKET in side.completed.quirks) == tickets


def test_our_client_notes_the_curve() -> None:
    for curve, quirk in ((41, None), (0, Q.CURVE_ZERO), (249, Q.CURVE_OTHER)):
        stack = replace(TASSL, habits=replace(TASSL.habits, curve=curve))
        side = meet(our_client("auto", _ECDHE_CBC), their_server(stack, suites=(_ECDHE_CBC,)))
        assert side.completed is not None
        seen = {Q.CURVE_ZERO, Q.CURVE_OTHER} & set(side.completed.quirks)
        assert seen == ({quirk} if quirk else set())


@pytest.mark.parametrize("stack", [GMSSL, GOTLCP, TONGSUO], ids=str)
@pytest.mark.parametrize("spoken", ["auto", "preset"])
def test_stapled_ocsp(stack: Stack, spoken: str) -> None:
    """GmSSL answers and sends none, gotlcp puts it into ServerHello, Tongsuo into a message."""
    spoken = stack.preset if spoken == "preset" else spoken
    suite = ECC_SM4_GCM_SM3
    ours = our_client(spoken, suite, mutual=False, request_ocsp=True)
    side = must_work(ours, their_server(stack, mutual=False, suites=(suite,)), suite)
    assert side.completed is not None
    wanted = None if stack is GMSSL else OCSP_RESPONSE
    assert side.completed.ocsp_response == wanted
    quirk = {"gotlcp": {Q.STAPLE_IN_HELLO}, "tongsuo": {Q.STAPLE_IN_MESSAGE}}.get(stack.name, set())
    assert {Q.STAPLE_IN_HELLO, Q.STAPLE_IN_MESSAGE} & set(side.completed.quirks) == quirk


@each_stack
def test_every_extension_that_a_program_asks_for(stack: Stack) -> None:
    """The preset leaves out what its stack cannot read."""
    asked: dict[str, Any] = {"trusted_ca_keys": True, "tickets": True, "client_id": b"me",
                             "alpn_protocols": ("h2", "http/1.1")}  # fmt: skip
    ours = our_client(stack.preset, ECC_SM4_CBC_SM3, **asked)
    theirs = their_server(stack, protocols=("http/1.1",))
    side = meet(ours, theirs)
    assert theirs.refusal is None
    assert side.completed is not None
    protocol = "http/1.1" if X.ALPN in stack.habits.answers else None
    assert side.completed.alpn_protocol == protocol


def test_alpn_and_names_that_gmssl_has_not() -> None:
    ours = our_client("gmssl-3.3", ECC_SM4_CBC_SM3, alpn_protocols=("h2",))
    must_fail(ours, their_server(GMSSL), "ALPN", A.NO_APPLICATION_PROTOCOL, "gmssl-3.1")
    stranger = ScriptedServer(GMSSL, world().server, CA, names=("other.example",))
    must_fail(our_client("gmssl-3.3", ECC_SM4_CBC_SM3), stranger, "server_name",
              A.HANDSHAKE_FAILURE, "gmssl-3.1")  # fmt: skip
    # that dialect has no extensions, and the rest of it is as this server takes it
    must_work(our_client("gmssl-3.1", ECC_SM4_CBC_SM3, mutual=False),
              ScriptedServer(GMSSL, world().server, CA, mutual=False), ECC_SM4_CBC_SM3)  # fmt: skip


def test_an_extension_that_gmssl_does_not_know() -> None:
    """It closes without a word; the error says what to try."""
    ours = our_client("auto", ECC_SM4_CBC_SM3, mutual=False, tickets=True)
    theirs = their_server(GMSSL, mutual=False)
    side = meet(ours, theirs)
    assert theirs.refusal is not None
    assert theirs.refusal.alert is None
    assert isinstance(side.error, TruncatedError)
    assert side.error.dialect == "gmssl-3.3"
    ours = our_client("gmssl-3.3", ECC_SM4_CBC_SM3, mutual=False, tickets=True)
    must_work(ours, their_server(GMSSL, mutual=False), ECC_SM4_CBC_SM3)


def test_gotlcps_order_of_suites() -> None:
    """It goes by its own: E053 first."""
    suites = tuple(ends.ALL)
    settings = ends.config("client", suites=suites)
    ours = Connection.client(settings, server_name=HOST)
    must_work(ours, their_server(GOTLCP), ECC_SM4_GCM_SM3)
    theirs = their_server(TONGSUO)
    must_work(Connection.client(settings, server_name=HOST), theirs, suites[0])


@each_stack
def test_our_client_has_no_certificates(stack: Stack) -> None:
    side = meet(our_client(stack.preset, ECC_SM4_CBC_SM3, mutual=False), their_server(stack))
    assert isinstance(side.error, AlertReceived)
    assert side.error.description == stack.habits.no_certificate


@each_stack
def test_no_common_suite(stack: Stack) -> None:
    theirs = their_server(stack, suites=(_ECDHE_CBC,))
    side = meet(our_client(stack.preset, ECC_SM4_CBC_SM3), theirs)
    assert isinstance(side.error, AlertReceived)
    assert side.error.description == stack.habits.no_suite


# ---- ours as the server ------------------------------------------------------------------------


@matrix
def test_our_server(stack: Stack, spoken: str, suite: CipherSuite, mutual: bool) -> None:
    ours = our_server(spoken, suite, mutual=mutual)
    theirs = their_client(stack, suite, mutual=mutual, name=HOST)
    must_work(ours, theirs, suite)


@pytest.mark.parametrize("stack", [s for s in STACKS if s.captures], ids=str)
@pytest.mark.parametrize("spoken", ["auto", "preset"])
@pytest.mark.parametrize("suite", ends.ALL, ids=lambda s: s.name)
def test_our_server_and_a_captured_hello(stack: Stack, spoken: str, suite: CipherSuite) -> None:
    """The very ClientHello that the real one sent."""
    captured = captured_hello(stack.captures, suite)
    ours = our_server(stack.preset if spoken == "preset" else spoken, suite)
    theirs = their_client(stack, suite, captured=captured)
    must_work(ours, theirs, suite)
    assert theirs.heard.one(ServerHello).random != captured[6:38]


#: what our server sees of a client in a mutual handshake: ECC, and what ECDHE changes
CLIENT_QUIRKS: dict[str, set[Q]] = {
    "gmssl-3.1": {Q.NO_EXTENSIONS, Q.SINGLE_CERTIFICATE},
    "gmssl-3.3": {Q.SIGNATURE_0708, Q.RAW_SIGNATURE, Q.SINGLE_CERTIFICATE, Q.ROOT_SENT},
    "gotlcp": {Q.SIGNATURE_0704},
    "tassl": {Q.SCSV, Q.ASKS_TICKET, Q.ROOT_SENT},
    "tassl-old": {Q.SCSV, Q.NO_EXTENSIONS, Q.ENC_LAST, Q.ROOT_SENT},
    "tongsuo": {Q.SCSV, Q.ASKS_TICKET, Q.ROOT_SENT},
    "kona": {Q.ASKS_TICKET},
    "openhitls": {Q.SCSV, Q.ASKS_TICKET, Q.SIGNATURE_0708},
    "letter": {Q.SIGNATURE_0704},
}


@each_stack
def test_what_our_server_notes(stack: Stack) -> None:
    for suite in stack.habits.suites:
        if "CBC" not in suite.name:
            continue
        wanted = set(CLIENT_QUIRKS[stack.name])
        if suite is ECC_SM4_CBC_SM3 and not stack.habits.scsv:
            wanted |= {Q.CBC_ALONE}  # here it offers one suite at a time
        if is_ecdhe(suite):
            wanted -= {Q.SINGLE_CERTIFICATE}
            wanted |= {Q.POINT_VECTOR} if stack.habits.point_vector else set()
        side = meet(our_server("auto", suite), their_client(stack, suite))
        assert side.completed is not None
        assert set(side.completed.quirks) == wanted
        assert len(side.completed.quirks) == len(wanted)


def test_gmssl_is_recognised() -> None:
    side = meet(our_server("auto", ECC_SM4_CBC_SM3), their_client(GMSSL, ECC_SM4_CBC_SM3))
    assert side.completed is not None
    assert likely_stacks(side.completed.quirks) == ("gmssl-3.3",)


def test_gmssls_client_needs_the_names_of_cas() -> None:
    ours = our_server("openhitls", ECC_SM4_CBC_SM3)
    must_fail(ours, their_client(GMSSL, ECC_SM4_CBC_SM3), "CA names", A.UNSUPPORTED_CERTIFICATE, "")


def test_a_curve_that_gmssls_client_does_not_read() -> None:
    must_fail(our_server("tassl", _ECDHE_CBC), their_client(GMSSL, _ECDHE_CBC), "curve 0",
              A.ILLEGAL_PARAMETER, "")  # fmt: skip
    must_work(our_server("tassl", _ECDHE_CBC), their_client(KONA, _ECDHE_CBC), _ECDHE_CBC)


def test_openhitls_sends_scsv_and_nothing_else() -> None:
    """Without any extension it looks like GmSSL 2, which takes none: the preset tells us."""
    bare = replace(OPENHITLS, habits=replace(OPENHITLS.habits, offers=()))
    for spoken in ("auto", "tongsuo"):
        must_fail(our_server(spoken, ECC_SM4_CBC_SM3), their_client(bare, ECC_SM4_CBC_SM3),
                  "no answer to 00FF", A.HANDSHAKE_FAILURE, "")  # fmt: skip
    must_work(
        our_server("openhitls", ECC_SM4_CBC_SM3), their_client(bare, ECC_SM4_CBC_SM3),
        ECC_SM4_CBC_SM3,
    )  # fmt: skip


def test_gmssl_2_sends_scsv_and_takes_no_extension() -> None:
    gmssl_2 = replace(GMSSL, habits=replace(GMSSL.habits, scsv=True, offers=()))
    theirs = their_client(gmssl_2, ECC_SM4_CBC_SM3)
    must_work(our_server("auto", ECC_SM4_CBC_SM3), theirs, ECC_SM4_CBC_SM3)
    assert theirs.heard.one(ServerHello).extensions is None


def test_a_client_that_asks_for_nothing_is_told_nothing() -> None:
    for stack in STACKS:
        if stack is OPENHITLS:
            continue
        theirs = their_client(stack, ECC_SM4_CBC_SM3)
        meet(our_server("auto", ECC_SM4_CBC_SM3), theirs)
        answered = {e.type for e in theirs.heard.one(ServerHello).extensions or ()}
        assert answered <= {X.RENEGOTIATION_INFO}


# ---- one certificate for both roles, and wrong signatures ---------------------------------------


def test_one_certificate_of_konas_server_is_no_pair() -> None:
    single = (world().server.sign_cert.der,)
    theirs = their_server(KONA, list_as_is=single)
    side = meet(our_client("kona", ECC_SM4_CBC_SM3), theirs)
    assert isinstance(side.error, CertificateVerifyError)
    assert "1 certificate" in str(side.error)
    assert theirs.heard.alert == A.BAD_CERTIFICATE


def test_one_certificate_of_konas_client() -> None:
    """Good enough in ECC suites, where the encryption certificate is not used."""
    mine = world().client
    single = Identity(mine.sign_cert, mine.sign_key)
    theirs = their_client(KONA, ECC_SM4_CBC_SM3, identity=single)
    side = must_work(our_server("auto", ECC_SM4_CBC_SM3), theirs, ECC_SM4_CBC_SM3)
    assert side.completed is not None
    assert Q.SINGLE_CERTIFICATE in side.completed.quirks


@pytest.mark.parametrize(("stack", "alert"), [(GOTLCP, 10), (TONGSUO, 51)], ids=str)
def test_a_wrong_signature_of_ours(stack: Stack, alert: int) -> None:
    """What their client answers reaches our caller, whatever its number."""
    theirs = their_client(stack, ECC_SM4_CBC_SM3)
    ours = our_server("auto", ECC_SM4_CBC_SM3)
    theirs_first = b"".join(theirs.take())
    ours.receive_data(theirs_first)
    side = Side()
    ends.drain(ours, side)
    flight = bytearray(ours.data_to_send())
    flight[flight.index(b"\x0c\x00\x00") + 20] ^= 1
    theirs.feed(bytes(flight))
    meet(ours, theirs, side)
    assert isinstance(side.error, AlertReceived)
    assert side.error.description == alert


# ---- records ------------------------------------------------------------------------------------


def test_gmssl_gets_one_message_per_record() -> None:
    """Its demand is put to the bytes: two messages in a record end the handshake."""
    ours = our_client("gmssl-3.3", ECC_SM4_CBC_SM3)
    theirs = their_server(GMSSL)
    hello = bytearray(ours.data_to_send())
    theirs.feed(bytes(hello[:3]) + b"\0\x05" + bytes(hello[5:10]))
    assert theirs.refusal is not None
    assert "one whole handshake message" in theirs.refusal.why


@each_stack
def test_nonces_and_sizes_of_ours(stack: Stack) -> None:
    """Explicit nonces rise by one, whatever theirs do; records are as long as may be."""
    suite = next((s for s in stack.habits.suites if s is ECC_SM4_GCM_SM3), None)
    if suite is None:  # these have CBC only
        assert stack in (GMSSL_31, OPENHITLS)
        return
    ours, theirs = our_client(stack.preset, suite), their_server(stack, suites=(suite,))
    must_work(ours, theirs, suite)
    nonces = theirs.heard.nonces
    assert nonces == list(range(nonces[0], nonces[0] + len(nonces)))
    assert max(theirs.heard.sizes) == 16_384


# ---- sessions -----------------------------------------------------------------------------------

RESUMING = [s for s in STACKS if s.habits.resumes]


def resuming_rows() -> Iterable[Any]:
    for stack in RESUMING:
        for by in ("id", "ticket") if stack.habits.gives_tickets() else ("id",):
            for suite in stack.habits.suites:
                yield pytest.param(stack, by, suite, id=f"{stack}-{by}-{suite.name}")


@pytest.mark.parametrize(("stack", "by", "suite"), [*resuming_rows()])
def test_our_client_resumes(stack: Stack, by: str, suite: CipherSuite) -> None:
    memory: dict[bytes, Remembered] = {}
    tickets = by == "ticket"
    session = None
    for resumed in (False, True, True):
        ours = our_client(stack.preset, suite, tickets=tickets, session=session)
        theirs = their_server(stack, suites=(suite,), memory=memory)
        side = must_work(ours, theirs, suite)
        assert side.completed is not None
        assert side.completed.resumed == theirs.resumed == resumed
        session = side.completed.session
        assert session is not None
        assert bool(session.ticket) == tickets


@pytest.mark.parametrize(("stack", "by", "suite"), [*resuming_rows()])
def test_our_server_resumes(stack: Stack, by: str, suite: CipherSuite) -> None:
    more: dict[str, Any] = {"session_store": MemoryStore()}
    if by == "ticket":
        more = {"ticket_keys": RotatingTicketKeys()}
    session = None
    for resumed in (False, True):
        theirs = their_client(stack, suite, session=session, name=HOST)
        side = must_work(our_server("auto", suite, **more), theirs, suite)
        assert side.completed is not None
        assert side.completed.resumed == theirs.resumed == resumed
        session = session or theirs.session
        assert session is not None
        assert bool(session.ticket) == (by == "ticket")


@pytest.mark.parametrize("by_ticket", [False, True], ids=["id", "ticket"])
@pytest.mark.parametrize("stack", [TASSL, TONGSUO], ids=str)
def test_a_captured_session_of_another_server(stack: Stack, by_ticket: bool) -> None:
    """We have neither its id nor the key of its ticket: a full handshake follows."""
    captured = captured_resumption(stack.captures, by_ticket=by_ticket)
    suite = _ECDHE_CBC if by_ticket else ECC_SM4_GCM_SM3
    theirs = their_client(stack, suite, captured=captured)
    keeps: dict[str, Any] = {"session_store": MemoryStore(), "ticket_keys": RotatingTicketKeys()}
    side = must_work(our_server("auto", suite, **keeps), theirs, suite)
    assert side.completed is not None
    assert not side.completed.resumed
    answer = theirs.heard.one(ServerHello)
    assert captured[38] == 32
    assert answer.session_id != captured[39:71]
    promised = X.SESSION_TICKET in [e.type for e in answer.extensions or ()]
    assert promised == by_ticket == (theirs.session is not None and theirs.session.ticket != b"")


def test_gmssl_names_no_session() -> None:
    side = meet(our_client("gmssl-3.3", ECC_SM4_CBC_SM3), their_server(GMSSL))
    assert side.completed is not None
    assert side.completed.session is None


def test_old_tassl_reads_our_list() -> None:
    """It looks for the last certificate that may encipher: ours is found in either place."""
    for last in (False, True):
        dialect = replace(DIALECTS["tassl"], enc_certificate_last=last)
        theirs = their_client(OLD_TASSL, ECC_SM4_CBC_SM3)
        must_work(ends.server(suites=(ECC_SM4_CBC_SM3,), dialect=dialect), theirs, ECC_SM4_CBC_SM3)
