"""server_name and ALPN on both sides.

Spec: GM/T 0024-2023 A, RFC 6066 3, RFC 7301
"""

from __future__ import annotations

import pytest

from support.ends import HOST, NOW, client, config, run, server, world
from support.mutants import edited
from tlcp.alerts import AlertDescription as A
from tlcp.config import Config
from tlcp.errors import ConfigError, IllegalParameter, UnrecognizedName, UnsupportedExtension
from tlcp.registry import ExtensionType, HandshakeType
from tlcp.suites import parse_suites
from tlcp.wire.extensions import alpn_extension
from tlcp.wire.messages import ServerHello

W = world()


@pytest.mark.parametrize(
    ("client_side", "server_side", "chosen"),
    [
        (("h2", "http/1.1"), ("http/1.1", "h2"), "http/1.1"),  # the server's order
        (("h2",), ("http/1.1",), None),  # nothing in common is no error, as in ssl
        (("h2",), (), None),
        ((), ("h2",), None),
    ],
)
def test_alpn(
    client_side: tuple[str, ...], server_side: tuple[str, ...], chosen: str | None
) -> None:
    sides = run(client(alpn_protocols=client_side), server(alpn_protocols=server_side))
    for side in sides:
        assert side.completed is not None
        assert side.completed.alpn_protocol == chosen


@pytest.mark.parametrize(
    ("protocols", "offered", "error"),
    [
        (["spdy"], ("h2",), IllegalParameter),
        (["h2", "h3"], ("h2", "h3"), IllegalParameter),
        (["h2"], (), UnsupportedExtension),
    ],
)
def test_alpn_answers_that_do_not_fit(
    protocols: list[str], offered: tuple[str, ...], error: type[Exception]
) -> None:
    def edit(body: bytes) -> bytes:
        hello = ServerHello.from_bytes(body)
        fields = {name: getattr(hello, name) for name in hello.spec}
        return ServerHello(**(fields | {"extensions": (alpn_extension(protocols),)})).to_bytes()

    side, _ = run(client(alpn_protocols=offered), server(edited(HandshakeType.SERVER_HELLO, edit)))
    assert isinstance(side.error, error)


@pytest.mark.parametrize("protocol", ["", "ü", "x" * 256])
def test_alpn_names_that_cannot_be(protocol: str) -> None:
    with pytest.raises(ConfigError, match="ALPN"):
        config("client", alpn_protocols=(protocol,))


def test_the_server_changes_its_settings_by_name() -> None:
    """Several identities on one server, with suites and client policy of their own."""
    asked: list[str | None] = []
    second = W.ca.issue_pair("second", ["second.example"], now=NOW).identity

    def choose(name: str | None) -> Config | None:
        asked.append(name)
        if name != "second.example":
            return None
        return config("server", identity=second, suites=parse_suites("E013"))

    for name, subject, suite in ((HOST, "server", 0xE053), ("second.example", "second", 0xE013)):
        client_side, server_side = run(client(name=name), server(on_server_name=choose))
        assert client_side.completed is not None
        assert client_side.completed.peer is not None
        assert client_side.completed.peer.sign.common_name == subject
        assert client_side.completed.suite.id == suite
        assert server_side.completed is not None
        assert server_side.completed.server_name == name
    run(client(name="127.0.0.1"), server(on_server_name=choose))
    assert asked == [HOST, "second.example", None]


def test_a_name_that_is_not_served() -> None:
    def refuse(name: str | None) -> Config | None:
        raise UnrecognizedName(f"{name} is not served here")

    client_side, server_side = run(client(), server(on_server_name=refuse))
    assert isinstance(server_side.error, UnrecognizedName)
    assert client_side.alert == A.UNRECOGNIZED_NAME
    assert "does not serve" in str(client_side.error)


def test_nothing_is_answered_but_alpn() -> None:
    """Old clients refuse any extension in ServerHello."""
    from tlcp.registry import ContentType
    from tlcp.wire.messages import decode_handshake

    for protocols, expected in (((), None), (("h2",), [ExtensionType.ALPN])):
        one, other = client(alpn_protocols=("h2",)), server(alpn_protocols=protocols)
        other.receive_data(one.data_to_send())
        other.next_event()
        stream = other.data_to_send()
        assert stream[0] == ContentType.HANDSHAKE
        hello = decode_handshake(stream[5 : 5 + int.from_bytes(stream[3:5], "big")])
        assert isinstance(hello, ServerHello)
        found = hello.extensions and [e.type for e in hello.extensions]
        assert found == expected
