"""Peers that speak something else: TLS, HTTP, nothing.

Spec: GB/T 38636-2020 6.4.4
"""

from __future__ import annotations

import ssl

import pytest

from support.ends import client, server
from support.mutants import record
from tlcp.alerts import AlertDescription as A
from tlcp.errors import (
    AlertReceived,
    ProtocolVersionError,
    RecordOverflow,
    TruncatedError,
    UnexpectedMessage,
)
from tlcp.registry import ContentType


def _tls_client_hello(version: ssl.TLSVersion) -> bytes:
    context = ssl.create_default_context()
    context.minimum_version = context.maximum_version = version
    outgoing = ssl.MemoryBIO()
    tls = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="server.example")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_tls_client_on_our_port(version: ssl.TLSVersion) -> None:
    """It gets protocol_version, which its user understands; so do we."""
    end = server()
    end.receive_data(_tls_client_hello(version))
    with pytest.raises(ProtocolVersionError, match="0303, which is TLS and not TLCP") as caught:
        end.next_event()
    assert "TLCP client" in str(caught.value)
    assert end.data_to_send() == record(ContentType.ALERT, b"\2\x46")


@pytest.mark.parametrize("request_line", [b"GET / HTTP/1.1\r\n\r\n", b"POST /x HTTP/1.0\r\n\r\n"])
def test_an_http_client_on_our_port(request_line: bytes) -> None:
    end = server()
    end.receive_data(request_line)
    with pytest.raises(UnexpectedMessage, match="plain HTTP request"):
        end.next_event()
    assert end.data_to_send() == record(ContentType.ALERT, bytes((2, A.UNEXPECTED_MESSAGE)))


def test_an_http_server_behind_the_address() -> None:
    end = client()
    end.data_to_send()
    end.receive_data(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    with pytest.raises(UnexpectedMessage, match="plain HTTP answer"):
        end.next_event()


@pytest.mark.parametrize("version", [b"\1\0", b"\1\1"])
@pytest.mark.parametrize(
    ("alert", "advice"),
    [
        (A.PROTOCOL_VERSION, "does not speak TLCP"),
        (A.HANDSHAKE_FAILURE, "cipher suite"),
        (A.UNEXPECTED_MESSAGE, "try without"),
    ],
)
def test_a_server_that_refuses_our_hello(version: bytes, alert: A, advice: str) -> None:
    end = client()
    end.data_to_send()
    end.receive_data(record(ContentType.ALERT, bytes((2, alert)), version))
    with pytest.raises(AlertReceived, match=advice) as caught:
        end.next_event()
    assert caught.value.description == alert


@pytest.mark.parametrize("version", [b"\3\1", b"\3\3"])
def test_an_alert_of_a_tls_server(version: bytes) -> None:
    """It comes with its own record version, and is still understood."""
    end = client()
    end.data_to_send()
    end.receive_data(record(ContentType.ALERT, b"\2\x28", version))
    with pytest.raises(AlertReceived, match=r"TLS record .* probably speaks TLS"):
        end.next_event()


def test_suites_that_could_not_be_offered_are_spoken_of() -> None:
    end = client(identity=None)
    end.data_to_send()
    end.receive_data(record(ContentType.ALERT, b"\2\x28"))
    with pytest.raises(AlertReceived, match="ECDHE suites were not offered"):
        end.next_event()


@pytest.mark.parametrize("extensions", [True, False])
def test_a_server_that_hangs_up_at_once(extensions: bool) -> None:
    """TLS servers do; GmSSL 3.3 does, on an extension it does not know."""
    end = client(extensions=extensions)
    end.receive_eof()
    with pytest.raises(TruncatedError, match="this port speaks TLS or something else") as caught:
        end.next_event()
    assert ("try without" in str(caught.value)) == extensions


@pytest.mark.parametrize("size", [2**14 + 1, 2**16 - 1])
def test_a_record_too_long(size: int) -> None:
    for end in (server(), client()):
        end.data_to_send()
        end.receive_data(b"\x16\1\1" + size.to_bytes(2, "big"))
        with pytest.raises(RecordOverflow, match=str(size)):
            end.next_event()
        assert end.data_to_send() == record(ContentType.ALERT, bytes((2, A.RECORD_OVERFLOW)))


@pytest.mark.parametrize("kind", [0, 19, 24, 80, 255])
def test_record_types_that_do_not_exist(kind: int) -> None:
    """80 is the standard's gateway-to-gateway mode, which is not spoken here."""
    end = server()
    end.receive_data(bytes((kind,)) + b"\1\1\0\1x")
    with pytest.raises(UnexpectedMessage):
        end.next_event()
