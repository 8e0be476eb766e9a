"""``TLCPSocket`` against what the documentation of ``ssl.SSLSocket`` says."""

from __future__ import annotations

import copy
import errno
import hashlib
import io
import os
import pickle
import select
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tlcp
from shells.pairs import in_thread, pair
from support.ends import HOST, NOW, world
from support.sockets import LIMIT_S, client_context, dial, echo, served, server_context
from tlcp.context import TLCPContext
from tlcp.errors import AlertReceived, CertificateVerifyError, TLCPError, TruncatedError
from tlcp.socket import TLCPSocket

IP = "127.0.0.1"
NOT_THERE = r"not connected|Bad file descriptor"


def when(sock: socket.socket, *, writable: bool = False) -> None:
    """Wait until the socket can be read, or written."""
    readers, writers = ([], [sock]) if writable else ([sock], [])
    assert any(select.select(readers, writers, [], LIMIT_S)), "nothing comes"


def by_select(sock: socket.socket, call: Callable[..., Any], *arguments: Any) -> Any:
    """What programs with non-blocking sockets do."""
    while True:
        try:
            return call(*arguments)
        except ssl.SSLWantReadError:
            when(sock)
        except ssl.SSLWantWriteError:
            when(sock, writable=True)


# ---- wrapping and connecting ----------------------------------------------------------------


def test_it_is_a_socket_and_no_sslsocket() -> None:
    with pair() as (near, far):
        assert isinstance(near, socket.socket)
        assert not isinstance(near, ssl.SSLSocket)
        assert (near.server_side, near.server_hostname) == (False, HOST)
        assert (far.server_side, far.server_hostname) == (True, None)
        assert near.version() == far.version() == "TLCPv1.1"
        assert near.get_channel_binding() == far.get_channel_binding()
        assert f"<tlcp.socket.tlcpsocket.TLCPSocket fd={near.fileno()}," in repr(near)
    assert near.fileno() == -1
    assert "[closed] fd=-1" in repr(near)
    with pytest.raises(TypeError, match="wrap_socket"):
        TLCPSocket()
    for action in (copy.copy, pickle.dumps):
        with pytest.raises(TypeError):
            action(near)


def test_the_old_socket_is_empty() -> None:
    one, other = socket.socketpair()
    with (
        other,
        client_context().wrap_socket(
            one, server_hostname=HOST, do_handshake_on_connect=False
        ) as near,
    ):
        assert one.fileno() == -1
        assert near.fileno() != -1


def test_a_refused_wrapping_closes_the_socket() -> None:
    one, other = socket.socketpair()
    with (
        other,
        pytest.raises(CertificateVerifyError),
        in_thread(lambda: server_context().wrap_socket(other, server_side=True)) as result,
    ):
        client_context().wrap_socket(one, server_hostname="other.example")
    assert one.fileno() == -1
    assert isinstance(result[0], AlertReceived)


def test_only_streams() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        with pytest.raises(NotImplementedError, match="only stream sockets"):
            client_context().wrap_socket(sock, server_hostname=HOST)
        assert sock.fileno() != -1


def test_connect_after_wrapping() -> None:
    with served(echo) as address:
        for block in (True, False):
            with client_context().wrap_socket(
                socket.socket(), server_hostname=IP, do_handshake_on_connect=block
            ) as near:
                near.settimeout(LIMIT_S)
                assert near.version() is None
                near.connect(address)
                assert (near.version() is not None) is block
                with pytest.raises(ValueError, match="already-connected"):
                    near.connect(address)
                near.do_handshake()
                near.sendall(b"hello")
                assert near.recv(5) == b"hello"
        with client_context().wrap_socket(socket.socket(), server_hostname=IP) as near:
            assert near.connect_ex(address) == 0
            assert near.version() is not None
        with (
            server_context().wrap_socket(socket.socket(), server_side=True) as far,
            pytest.raises(ValueError, match="server-side mode"),
        ):
            far.connect(address)


def test_connect_without_waiting() -> None:
    with (
        served(echo) as address,
        client_context().wrap_socket(
            socket.socket(), server_hostname=IP, do_handshake_on_connect=False
        ) as near,
    ):
        near.setblocking(False)
        assert near.connect_ex(address) in (0, errno.EINPROGRESS)
        when(near, writable=True)
        by_select(near, near.do_handshake)
        by_select(near, near.sendall, b"hello")
        assert by_select(near, near.recv, 5) == b"hello"


def test_connect_to_nobody() -> None:
    with socket.create_server((IP, 0)) as listener:
        address = listener.getsockname()
    with client_context().wrap_socket(socket.socket(), server_hostname=IP) as near:
        with pytest.raises(ConnectionRefusedError):
            near.connect(address)
        assert near.connect_ex(address) == errno.ECONNREFUSED
        assert near.version() is None


def test_not_connected() -> None:
    """Nothing passes in clear because TLCP has not begun."""
    with client_context().wrap_socket(socket.socket(), server_hostname=IP) as near:
        for call in (
            lambda: near.recv(1),
            lambda: near.recv_into(bytearray(1)),
            lambda: near.send(b"x"),
            lambda: near.sendall(b"x"),
            lambda: near.sendto(b"x", ("127.0.0.1", 9)),
            lambda: near.recvfrom(1),
            near.do_handshake,
        ):
            with pytest.raises(OSError, match=NOT_THERE) as caught:
                call()
            assert caught.value.errno == errno.ENOTCONN
        for refused in (
            lambda: near.read(1),
            lambda: near.write(b""),
            near.unwrap,
            near.getpeercert,
        ):
            with pytest.raises(ValueError, match=r"unwrapped|No SSL wrapper|handshake not done"):
                refused()
        assert (near.pending(), near.version(), near.cipher()) == (0, None, None)
        assert near.get_channel_binding() is None
        assert (near.session, near.session_reused, near.shared_ciphers()) == (None, None, None)
    for closed in (lambda: near.recv(1), lambda: near.send(b"x"), near.do_handshake):
        with pytest.raises(OSError, match=NOT_THERE) as caught:
            closed()
        assert caught.value.errno == errno.EBADF


def test_what_came_before_the_handshake_is_not_data() -> None:
    """A peer that sends plain bytes and is gone: they must never come out of recv()."""
    with socket.create_server((IP, 0)) as listener:
        with socket.create_connection(listener.getsockname()) as attacker:
            sock, _ = listener.accept()
            attacker.sendall(b"DELETE / HTTP/1.1\r\n\r\n")
            when(sock)
            attacker.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, 0, 0, 0] + 4 * [0]))
        poll = select.poll()  # a reset: then nobody is connected any more
        poll.register(sock, 0)
        assert poll.poll(LIMIT_S * 1000)
        with pytest.raises(TruncatedError, match="left data behind") as caught:
            server_context().wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        assert caught.value.side == "server"


def test_a_listening_socket_wraps_its_clients() -> None:
    far_context = server_context()
    with far_context.wrap_socket(socket.create_server((IP, 0)), server_side=True) as listener:
        listener.settimeout(LIMIT_S)

        def serve() -> None:
            stream, _ = listener.accept()
            with stream:
                assert isinstance(stream, TLCPSocket)
                assert stream.context is far_context
                stream.sendall(stream.recv(100))

        with in_thread(serve), dial(listener.getsockname()) as near:
            near.sendall(b"x")
            assert near.recv(100) == b"x"
    with (
        client_context().wrap_socket(socket.create_server((IP, 0)), server_hostname=IP) as wrong,
        socket.create_connection(wrong.getsockname()),
        pytest.raises(ssl.SSLError, match="Cannot create a server socket"),
    ):
        wrong.accept()


def test_create_connection_and_ipv6() -> None:
    identity = world().ca.issue_pair("six", ["::1"], now=NOW).identity
    context = server_context(identity=identity)
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip(reason="needs IPv6 on the loopback interface")
    with listener:

        def serve() -> None:
            sock, _ = listener.accept()
            with context.wrap_socket(sock, server_side=True) as stream:
                echo(stream)

        with in_thread(serve):
            address = listener.getsockname()[:2]
            with tlcp.create_connection(address, client_context(), timeout=LIMIT_S) as near:
                assert near.server_hostname == "::1"
                assert near.gettimeout() == LIMIT_S
                near.sendall(b"six")
                assert near.recv(3) == b"six"
    with served(echo) as place, pytest.raises(CertificateVerifyError):
        tlcp.create_connection(place, client_context(), server_hostname="other.example", timeout=9)


# ---- data -----------------------------------------------------------------------------------


def test_recv_in_all_its_forms() -> None:
    with pair() as (near, far):
        far.sendall(b"0123456789abcdef")
        assert near.recv(2) == b"01"
        assert near.pending() == 14
        assert near.read(2) == b"23"
        buffer = bytearray(8)
        assert near.recv_into(buffer, 2) == 2
        assert near.recv_into(memoryview(buffer)[2:4]) == 2
        assert near.read(2, memoryview(buffer)[4:]) == 2
        assert buffer == b"456789\0\0"
        assert near.recv(0) == b""
        assert near.recv_into(bytearray()) == 0
        with pytest.raises(ValueError, match="negative"):
            near.recv(-1)
        for call in (near.recv, near.recv_into, near.send, near.sendall):
            argument: Any = 1 if call == near.recv else bytearray(1)
            flags = (argument, 1, 1) if call == near.recv_into else (argument, 1)
            with pytest.raises(ValueError, match="non-zero flags not allowed"):
                call(*flags)
        assert near.recv() == b"abcdef"


def test_send_in_all_its_forms(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 1000)
    with pair() as (near, far):
        assert near.send(b"") == 0
        assert near.write(memoryview(b"ab")) == 2
        near.sendall(b"")
        near.sendall(memoryview(bytearray(b"cd")))
        assert far.recv(2) + far.recv(2) == b"abcd"
        with path.open("rb") as file, in_thread(lambda: received(far, 256_000)) as result:
            assert near.sendfile(file) == 256_000
            assert file.tell() == 256_000
        assert result == [path.read_bytes()]
        with path.open("rb") as file:
            assert near.sendfile(file, offset=1, count=3) == 3
        assert far.recv(9) == b"\x01\x02\x03"
        with path.open() as text, pytest.raises(ValueError, match="binary mode"):
            near.sendfile(text)
        assert near.sendfile(io.BytesIO(b"no descriptor")) == 13
        assert far.recv(13) == b"no descriptor"


def received(stream: TLCPSocket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size and (part := stream.recv(1 << 16)):
        data += part
    return bytes(data)


def test_makefile() -> None:
    with pair() as (near, far):
        with near.makefile("rwb") as binary, far.makefile("r", encoding="utf-8") as text:
            binary.write("第一行\nsecond\n".encode())
            binary.flush()
            assert text.readline() == "第一行\n"
            far.sendall(b"one\ntwo\nthree")
            near_lines = [binary.readline(), binary.read(3)]
            assert near_lines == [b"one\n", b"two"]
            near.close()
            assert near.fileno() != -1, "the file still needs it"
        assert near.fileno() == -1


def test_sendall_of_100_mib() -> None:
    size, block = 100 << 20, os.urandom(1 << 20)
    near_sum, far_sum = hashlib.sha256(), hashlib.sha256()
    with pair() as (near, far):

        def take() -> int:
            count, buffer = 0, bytearray(1 << 18)
            while count < size and (got := far.recv_into(buffer)):
                far_sum.update(memoryview(buffer)[:got])
                count += got
            return count

        data = block * 100
        near_sum.update(data)
        with in_thread(take) as result:
            near.sendall(data)
        assert result == [size]
    assert near_sum.digest() == far_sum.digest()


# ---- time -----------------------------------------------------------------------------------


def test_timeouts_of_every_call() -> None:
    with pair() as (near, _far):
        near.settimeout(0.01)
        assert (near.gettimeout(), near.timeout, near.getblocking()) == (0.01, 0.01, True)
        for call in (
            lambda: near.recv(1),
            lambda: near.read(1),
            lambda: near.recv_into(bytearray(1)),
        ):
            with pytest.raises(TimeoutError):
                call()
        with pytest.raises(TimeoutError):
            near.sendall(bytes(64 << 20))
        with pytest.raises(TimeoutError):
            near.unwrap()
        near.setblocking(True)
        assert near.gettimeout() is None
        near.setblocking(False)
        assert [near.gettimeout(), near.getblocking()] == [0.0, False]
        for wrong, error in ((-1, ValueError), ("1", TypeError)):
            with pytest.raises(error):
                near.settimeout(wrong)  # type: ignore[arg-type]


def test_a_handshake_that_takes_too_long() -> None:
    one, other = socket.socketpair()
    one.settimeout(0.01)
    with other, pytest.raises(TimeoutError):
        client_context().wrap_socket(one, server_hostname=HOST)
    assert one.fileno() == -1


def test_the_socket_s_own_timeout_comes_along() -> None:
    one, other = socket.socketpair()
    for sock in (one, other):
        sock.settimeout(1.5)
    with (
        client_context().wrap_socket(
            one, server_hostname=HOST, do_handshake_on_connect=False
        ) as near,
        other,
    ):
        assert near.gettimeout() == 1.5
        fd = near.detach()
    with socket.socket(fileno=fd) as plain:
        assert not os.get_blocking(plain.fileno()), "as any socket with a timeout"


# ---- without waiting ------------------------------------------------------------------------


def test_a_non_blocking_socket() -> None:
    one, other = socket.socketpair()
    one.setblocking(False)
    with other, pytest.raises(ValueError, match="should not be specified for non-blocking"):
        client_context().wrap_socket(one, server_hostname=HOST)
    with pair() as (near, far):
        near.setblocking(False)
        for call in (lambda: near.recv(1), lambda: near.recv_into(bytearray(1)), near.read):
            with pytest.raises(ssl.SSLWantReadError) as caught:
                call()
            assert caught.value.errno == ssl.SSL_ERROR_WANT_READ
        far.sendall(b"x")
        when(near)
        assert near.recv(9) == b"x"


def test_a_handshake_with_select() -> None:
    one, other = socket.socketpair()
    for sock in (one, other):
        sock.setblocking(False)
    later = {"do_handshake_on_connect": False}
    with (
        client_context().wrap_socket(one, server_hostname=HOST, **later) as near,
        server_context().wrap_socket(other, server_side=True, **later) as far,  # type: ignore[arg-type]
    ):
        with pytest.raises(ssl.SSLWantReadError):
            near.recv(1)
        with in_thread(lambda: by_select(far, far.do_handshake)):
            by_select(near, near.do_handshake)
        assert near.version() == far.version() == "TLCPv1.1"


def test_a_full_transport() -> None:
    with pair() as (near, far):
        near.setblocking(False)
        data = bytes(range(256)) * 40_000
        sent = 0

        def fill() -> None:
            nonlocal sent
            while True:
                sent += near.send(data[sent:])

        with pytest.raises(ssl.SSLWantWriteError) as caught:
            fill()
        assert caught.value.errno == ssl.SSL_ERROR_WANT_WRITE
        with pytest.raises(ssl.SSLError, match="bad write retry"):
            near.send(b"something else")
        with in_thread(lambda: received(far, len(data))) as result:
            while sent < len(data):
                sent += by_select(near, near.send, data[sent:])
        assert result == [data]


def test_select_shows_what_has_not_been_read() -> None:
    """After each recv() the rest is in ``pending()`` or makes the descriptor readable."""
    with pair() as (near, far):

        def send() -> None:
            for _ in range(200):
                far.sendall(b"0123456789")
            far.sendall(bytes(100_000))
            far.close_notify()

        total, data = 0, b"begin"
        with in_thread(send):
            while data:
                if not near.pending():
                    when(near)
                data = near.recv(777)
                total += len(data)
        assert total == 102_000


# ---- ends -----------------------------------------------------------------------------------


@pytest.mark.parametrize("suppress", [True, False])
def test_an_end_without_close_notify(suppress: bool) -> None:
    with pair(suppress_ragged_eofs=suppress) as (near, far):
        far.sendall(b"last")
        socket.socket(fileno=far.detach()).close()
        assert near.recv(9) == b"last"
        if suppress:
            assert near.recv(9) == b""
            assert near.recv_into(bytearray(9)) == 0
        else:
            for call in (near.recv, lambda: near.recv_into(bytearray(9))):
                with pytest.raises(ssl.SSLEOFError):
                    call()


def test_an_end_in_the_handshake_is_never_suppressed() -> None:
    one, other = socket.socketpair()
    other.close()
    with pytest.raises(ssl.SSLEOFError):
        client_context().wrap_socket(one, server_hostname=HOST, suppress_ragged_eofs=True)


def test_close_says_goodbye() -> None:
    with pair(suppress_ragged_eofs=False) as (near, far):
        far.sendall(b"bye")
        far.close()
        assert near.recv(9) == b"bye"
        assert near.recv(9) == b""
        assert near.peer_closed


def test_shutdown_says_goodbye_and_leaves_the_other_way_open() -> None:
    with pair(suppress_ragged_eofs=False) as (near, far):
        near.shutdown(socket.SHUT_WR)
        assert far.recv(9) == b""
        far.sendall(b"an answer")
        assert near.recv(9) == b"an answer"
        with pytest.raises(ssl.SSLError, match="closed"):
            near.sendall(b"x")


def test_unwrap_and_go_on_in_clear() -> None:
    """Whatever follows at once, in one packet with close_notify, is not lost."""
    with pair() as (near, far):

        def there() -> bytes:
            assert far.recv(1) == b"", "the client ends TLCP"
            plain = far.unwrap()
            assert plain is far
            plain.sendall(b"welcome to the clear\n")
            return plain.recv(100)

        with in_thread(there) as result:
            plain = near.unwrap()
            assert plain is near
            assert plain.recv(100) == b"welcome to the clear\n"
            assert plain.version() is None
            plain.sendall(b"thank you")
        assert result == [b"thank you"]
        with pytest.raises(ValueError, match="No SSL wrapper around"):
            near.unwrap()
        with pytest.raises(ValueError, match="closed or unwrapped"):
            near.read(1)
        with pytest.raises(ValueError, match="closed or unwrapped"):
            near.write(b"x")
        far.sendall(b"plain")
        assert near.recvfrom(9)[0] == b"plain"


def test_unwrap_drops_what_was_on_its_way_and_no_more() -> None:
    with pair() as (near, far):
        far.sendall(bytes(100_000))
        far.sendall(b"more")

        def there() -> None:
            far.settimeout(LIMIT_S)
            far.unwrap()
            far.sendall(b"plain")

        with in_thread(there):
            near.unwrap()
            assert near.recv(99) == b"plain"


def test_wrap_again_after_unwrap() -> None:
    with pair() as (near, far):
        with in_thread(lambda: far.unwrap().detach()) as result:
            fd = near.unwrap().detach()
        ends = socket.socket(fileno=fd), socket.socket(fileno=result[0])
        for sock in ends:
            sock.settimeout(LIMIT_S)

        def there() -> bytes:
            with server_context().wrap_socket(ends[1], server_side=True) as stream:
                return bytes(stream.recv(9))

        with (
            in_thread(there) as got,
            client_context().wrap_socket(ends[0], server_hostname=HOST) as again,
        ):
            again.sendall(b"again")
        assert got == [b"again"]


def test_detach_gives_the_plain_descriptor() -> None:
    with pair() as (near, far), socket.socket(fileno=near.detach()) as plain:
        assert near.fileno() == -1
        plain.sendall(b"\x17\x01\x01\x00\x01x")  # no record of ours
        far.settimeout(0.01)  # it waits that long for its peer to take the alert
        with pytest.raises(TLCPError):
            far.recv(1)


# ---- what both know of each other -----------------------------------------------------------


def test_the_face_says_what_the_object_says() -> None:
    with pair() as (near, far):
        assert near.getpeercert()["subject"][-1] == (("commonName", "server"),)
        assert near.getpeercert(True) == world().server.sign_cert.der
        assert near.get_verified_chain()[-1] == world().ca.certificate.der
        assert len(near.get_unverified_chain()) == 2
        assert near.cipher() == far.cipher() == ("ECC_SM4_GCM_SM3", "TLCPv1.1", 128)
        assert (far.shared_ciphers() or [])[0][0] == "ECC_SM4_GCM_SM3"
        assert near.negotiated is not None
        assert near.peer_certificates is not None
        assert (near.session, near.session_reused) == (None, False)
        assert near.selected_alpn_protocol() is None
        with pytest.raises(ValueError, match="not implemented"):
            near.get_channel_binding("tls-exporter")
        with pytest.raises(TypeError):
            near.context = ssl.create_default_context()  # type: ignore[assignment]


def test_the_sni_callback_sees_the_socket() -> None:
    far_context = server_context()
    other = server_context()
    seen: list[tuple[Any, str | None, TLCPContext]] = []

    def choose(stream: Any, name: str | None, context: TLCPContext) -> None:
        seen.append((stream, name, context))
        stream.context = other

    far_context.sni_callback = choose
    one, ends = socket.socketpair()
    with (
        in_thread(lambda: far_context.wrap_socket(ends, server_side=True)) as result,
        client_context().wrap_socket(one, server_hostname=HOST),
    ):
        pass
    (far,) = result
    with far:
        assert seen == [(far, HOST, far_context)]
        assert far.context is other


def test_errors_of_both_sides() -> None:
    """The one who refuses says why; the other one gets the alert, and both are ssl errors."""
    far_context = server_context()
    near_context = client_context(identity=None)
    one, other = socket.socketpair()
    for sock in (one, other):
        sock.settimeout(LIMIT_S)
    with (
        in_thread(lambda: far_context.wrap_socket(other, server_side=True)) as result,
        pytest.raises(ssl.SSLError) as caught,
    ):
        near_context.wrap_socket(one, server_hostname=HOST)
    assert (caught.value.library, caught.value.reason) == ("TLCP", "ALERT_HANDSHAKE_FAILURE")
    (error,) = result
    assert isinstance(error, ssl.SSLError)
    assert (error.library, error.reason) == ("TLCP", "HANDSHAKE_FAILURE")
