"""Every public name of ``ssl``'s three classes: ours, and what it does.

A name that a later Python adds fails here until somebody has decided what it means in TLCP.
"""

from __future__ import annotations

import contextlib
import io
import socket
import ssl
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shells.bios import Bios
from support.ends import HOST
from support.sockets import LIMIT_S, client_context, dial, echo, served, server_context
from tlcp.context import TLCPContext
from tlcp.socket import TLCPSocket
from tlcp.sslobject import TLCPObject

Use = Callable[[Any], Any]  # returns False if the name does not do what it should

WORKS = "works"
REFUSED = "raises NotImplementedError with the reason"
SYSTEM = "socket.socket's own: it touches no data, or does so through ours"


def _enable(context: TLCPContext, name: str) -> None:
    setattr(context, name, True)


def setting(name: str) -> Use:
    """Assign what is there."""
    return lambda context: setattr(context, name, getattr(context, name))


def raises(error: type[Exception], method: str, *arguments: Any) -> Use:
    """The exception that the documentation of ``ssl`` names for this moment."""

    def use(subject: Any) -> None:
        with pytest.raises(error):
            getattr(subject, method)(*arguments)

    return use


def _wrap_bio(context: TLCPContext) -> Any:
    return context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_side=True)


def _wrap_socket(context: TLCPContext) -> None:
    with context.wrap_socket(socket.socket(), server_side=True):
        pass


def _load(method: str) -> Use:
    """Loading is tested in test_context.py; here it must not reach OpenSSL."""

    def use(context: TLCPContext) -> None:
        with pytest.raises(TypeError, match=r"omitted|give sign"):
            getattr(context, method)()

    return use


CONTEXT: dict[str, tuple[str, Use]] = {
    "cert_store_stats": (WORKS, lambda c: c.cert_store_stats()["x509"] == 1),
    "check_hostname": (WORKS, setting("check_hostname")),
    "get_ca_certs": (WORKS, lambda c: c.get_ca_certs()[0]["subject"]),
    "get_ciphers": (WORKS, lambda c: c.get_ciphers()[0]["name"]),
    "hostname_checks_common_name": (REFUSED, lambda c: _enable(c, "hostname_checks_common_name")),
    "keylog_filename": (WORKS, setting("keylog_filename")),
    "load_cert_chain": (WORKS, _load("load_cert_chain")),
    "load_default_certs": (WORKS, lambda c: c.load_default_certs()),
    "load_dh_params": (REFUSED, lambda c: c.load_dh_params("dh.pem")),
    "load_verify_locations": (WORKS, _load("load_verify_locations")),
    "maximum_version": (REFUSED, lambda c: setattr(c, "maximum_version", ssl.TLSVersion.TLSv1_2)),
    "minimum_version": (REFUSED, lambda c: setattr(c, "minimum_version", ssl.TLSVersion.TLSv1_3)),
    "num_tickets": (REFUSED, lambda c: setattr(c, "num_tickets", 2)),
    "options": (WORKS, setting("options")),
    "post_handshake_auth": (REFUSED, lambda c: _enable(c, "post_handshake_auth")),
    "protocol": (WORKS, lambda c: c.protocol.name),
    "security_level": (WORKS, lambda c: c.security_level),
    "session_stats": (WORKS, lambda c: c.session_stats()["accept"]),
    "set_alpn_protocols": (WORKS, lambda c: c.set_alpn_protocols(["h2"])),
    "set_ciphers": (WORKS, lambda c: c.set_ciphers("DEFAULT")),
    "set_default_verify_paths": (WORKS, lambda c: c.set_default_verify_paths()),
    "set_ecdh_curve": (REFUSED, lambda c: c.set_ecdh_curve("prime256v1")),
    "set_npn_protocols": (REFUSED, lambda c: c.set_npn_protocols(["h2"])),
    "set_psk_client_callback": (REFUSED, lambda c: c.set_psk_client_callback(None)),
    "set_psk_server_callback": (REFUSED, lambda c: c.set_psk_server_callback(None)),
    "set_servername_callback": (WORKS, lambda c: c.set_servername_callback(None)),
    "sni_callback": (WORKS, setting("sni_callback")),
    "sslobject_class": (WORKS, lambda c: c.sslobject_class is TLCPObject),
    "sslsocket_class": (WORKS, lambda c: c.sslsocket_class is TLCPSocket),
    "verify_flags": (WORKS, setting("verify_flags")),
    "verify_mode": (WORKS, setting("verify_mode")),
    "wrap_bio": (WORKS, _wrap_bio),
    "wrap_socket": (WORKS, _wrap_socket),
}  # fmt: skip

OBJECT: dict[str, tuple[str, Use]] = {
    "cipher": (WORKS, lambda o: o.cipher()[0]),
    "compression": (WORKS, lambda o: o.compression() is None),
    "context": (WORKS, setting("context")),
    "do_handshake": (WORKS, lambda o: o.do_handshake()),
    "get_channel_binding": (WORKS, lambda o: len(o.get_channel_binding()) == 12),
    "get_unverified_chain": (WORKS, lambda o: o.get_unverified_chain()[1]),
    "get_verified_chain": (WORKS, lambda o: o.get_verified_chain()[1]),
    "getpeercert": (WORKS, lambda o: o.getpeercert()["subject"]),
    "pending": (WORKS, lambda o: o.pending() == 0),
    "read": (WORKS, raises(ssl.SSLWantReadError, "read")),
    "selected_alpn_protocol": (WORKS, lambda o: o.selected_alpn_protocol() is None),
    "selected_npn_protocol": (WORKS, lambda o: o.selected_npn_protocol() is None),
    "server_hostname": (WORKS, lambda o: o.server_hostname == HOST),
    "server_side": (WORKS, lambda o: not o.server_side),
    "session": (WORKS, lambda o: o.session is None or o.session.id),
    "session_reused": (WORKS, lambda o: o.session_reused is False),
    "shared_ciphers": (WORKS, lambda o: o.shared_ciphers() is None),
    "unwrap": (WORKS, raises(ssl.SSLWantReadError, "unwrap")),
    "verify_client_post_handshake": (REFUSED, lambda o: o.verify_client_post_handshake()),
    "version": (WORKS, lambda o: o.version() == "TLCPv1.1"),
    "write": (WORKS, lambda o: o.write(b"four") == 4),
}  # fmt: skip


def _said(stream: Any) -> bytes:
    """Have the server echo four bytes."""
    stream.sendall(b"four")
    return b"four"


def _read_into(stream: Any, method: str) -> None:
    _said(stream)
    buffer = bytearray(8)
    assert getattr(stream, method)(buffer) == 4
    assert buffer[:4] == b"four"


def _makefile(stream: Any) -> None:
    with stream.makefile("rwb") as file:
        file.write(b"a line\n")
        file.flush()
        assert file.readline() == b"a line\n"


def _listen(stream: Any) -> None:
    with server_context().wrap_socket(socket.socket(), server_side=True) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(0.0)
        with pytest.raises(BlockingIOError):
            listener.accept()


def _connect(method: str) -> Use:
    return lambda s: raises(ValueError, method, s.getpeername())(s)


SOCKET: dict[str, tuple[str, Use]] = OBJECT | {
    "accept": (WORKS, _listen),
    "bind": (SYSTEM, _listen),
    "close": (SYSTEM, lambda s: s.close()),
    "connect": (WORKS, _connect("connect")),
    "connect_ex": (WORKS, _connect("connect_ex")),
    "detach": (WORKS, lambda s: socket.socket(fileno=s.detach()).close()),
    "dup": (REFUSED, lambda s: s.dup()),
    "family": (SYSTEM, lambda s: s.family == socket.AF_INET),
    "fileno": (SYSTEM, lambda s: s.fileno() > 0),
    "get_inheritable": (SYSTEM, lambda s: s.get_inheritable() is False),
    "getblocking": (WORKS, lambda s: s.getblocking() is True),
    "getpeername": (SYSTEM, lambda s: s.getpeername()),
    "getsockname": (SYSTEM, lambda s: s.getsockname()),
    "getsockopt": (SYSTEM, lambda s: s.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE)),
    "gettimeout": (WORKS, lambda s: s.gettimeout() == LIMIT_S),
    "listen": (SYSTEM, _listen),
    "makefile": (SYSTEM, _makefile),
    "proto": (SYSTEM, lambda s: s.proto),
    "read": (WORKS, lambda s: _said(s) == s.read(4)),
    "recv": (WORKS, lambda s: _said(s) == s.recv(4)),
    "recv_into": (WORKS, lambda s: _read_into(s, "recv_into")),
    "recvfrom": (WORKS, raises(ValueError, "recvfrom", 1)),
    "recvfrom_into": (WORKS, raises(ValueError, "recvfrom_into", bytearray(1))),
    "recvmsg": (REFUSED, lambda s: s.recvmsg(1)),
    "recvmsg_into": (REFUSED, lambda s: s.recvmsg_into([bytearray(1)])),
    "send": (WORKS, lambda s: s.send(b"four") == 4),
    "sendall": (WORKS, lambda s: s.sendall(b"four")),
    "sendfile": (WORKS, lambda s: s.sendfile(io.BytesIO(b"four")) == 4),
    "sendmsg": (REFUSED, lambda s: s.sendmsg([b"x"])),
    "sendmsg_afalg": (REFUSED, lambda s: s.sendmsg_afalg([b"x"], op=0)),
    "sendto": (WORKS, raises(ValueError, "sendto", b"x", ("127.0.0.1", 9))),
    "server_hostname": (WORKS, lambda s: s.server_hostname == "127.0.0.1"),
    "set_inheritable": (SYSTEM, lambda s: s.set_inheritable(False)),
    "setblocking": (WORKS, lambda s: s.setblocking(True)),
    "setsockopt": (SYSTEM, lambda s: s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)),
    "settimeout": (WORKS, lambda s: s.settimeout(1)),
    "shutdown": (WORKS, lambda s: s.shutdown(socket.SHUT_WR)),
    "timeout": (WORKS, lambda s: s.timeout == LIMIT_S),
    "type": (SYSTEM, lambda s: s.type == socket.SOCK_STREAM),
    "unwrap": (WORKS, lambda s: s.unwrap()),
}  # fmt: skip


def public(kind: type) -> list[str]:
    return [name for name in dir(kind) if not name.startswith("_")]


def home(kind: type, name: str) -> type:
    """The class that defines the name, as attribute look-up finds it."""
    return next(one for one in kind.__mro__ if name in vars(one))


@contextlib.contextmanager
def context() -> Iterator[TLCPContext]:
    yield server_context()


@contextlib.contextmanager
def connected_object() -> Iterator[Any]:
    yield Bios().handshake().client


@contextlib.contextmanager
def connected_socket() -> Iterator[Any]:
    with served(echo) as address, dial(address) as stream:
        yield stream


@pytest.mark.parametrize(
    ("theirs", "ours", "table"),
    [
        (ssl.SSLContext, TLCPContext, CONTEXT),
        (ssl.SSLObject, TLCPObject, OBJECT),
        (ssl.SSLSocket, TLCPSocket, SOCKET),
    ],
)
def test_every_name_is_ours(theirs: type, ours: type, table: dict[str, tuple[str, Use]]) -> None:
    names = public(theirs)
    new = sorted(set(names) - set(table))
    assert not new, (
        f"this Python's {theirs.__name__} has public names that tlcp knows nothing of: {new}. "
        f"Decide for each what it means in TLCP, define it in {ours.__name__} (or raise "
        "NotImplementedError with the reason), and add it to the table of this test"
    )
    missing = [name for name in names if not hasattr(ours, name) and name not in dir(ours)]
    assert not missing, f"{ours.__name__} lacks {missing}"
    for name in names:
        owner = home(ours, name)
        if table[name][0] == SYSTEM:
            assert not issubclass(owner, ssl.SSLContext), name
            assert owner.__module__ in ("socket", "_socket"), name
        else:
            assert owner.__module__.startswith("tlcp."), f"{name} is inherited from {owner}"


CASES = [
    pytest.param(make, name, *row, id=f"{kind.__name__}.{name}")
    for kind, make, table in (
        (ssl.SSLContext, context, CONTEXT),
        (ssl.SSLObject, connected_object, OBJECT),
        (ssl.SSLSocket, connected_socket, SOCKET),
    )
    for name, row in table.items()
    if hasattr(kind, name) or name in dir(kind) or name.startswith(("set_psk", "get_"))
]


@pytest.mark.parametrize(("make", "name", "meaning", "use"), CASES)
def test_every_name_does_what_the_table_says(
    make: Callable[[], Any], name: str, meaning: str, use: Use
) -> None:
    with make() as subject, warnings.catch_warnings():
        warnings.simplefilter("error")
        if meaning != REFUSED:
            assert use(subject) is not False
            return
        with pytest.raises(NotImplementedError) as caught:
            use(subject)
        assert len(str(caught.value)) > len("not allowed"), "the reason is missing"


def test_settings_never_reach_openssl(tmp_path: Path) -> None:
    """The part of the object that is OpenSSL's stays as it was made."""
    base: Any = ssl.SSLContext
    ours = client_context()
    fresh = client_context()
    ours.check_hostname = False
    ours.verify_mode = ssl.CERT_NONE
    ours.options |= ssl.OP_NO_TICKET
    ours.keylog_filename = str(tmp_path / "keys.txt")
    ours.set_alpn_protocols(["h2"])
    ours.set_ciphers("ECC_SM4_CBC_SM3")
    for name in ("check_hostname", "verify_mode", "options", "keylog_filename", "verify_flags"):
        below = getattr(base, name)
        assert below.__get__(ours) == below.__get__(fresh), name
    assert base.get_ciphers(ours) == base.get_ciphers(fresh)
    assert base.cert_store_stats(ours) == {"x509": 0, "x509_ca": 0, "crl": 0}
