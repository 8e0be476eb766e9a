"""``tlcp serve`` and ``tlcp connect``, as two processes."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import socket
import ssl
import stat
import struct
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest

from cli.tools import LIMIT_S, answering, command, environment, run, serving
from peers.files import encrypt_pkcs8
from peers.pki import PKI
from support.rsa_pki import RsaCA, pem, rsa_certificate, rsa_key, rsa_key_pem
from tlcp.cli.options import SECONDS, SECONDS_OR_NONE
from tlcp.config import Config
from tlcp.context import PROTOCOL_TLCP_CLIENT, PROTOCOL_TLCP_SERVER, TLCPContext
from tlcp.crypto.pbes2 import Protection
from tlcp.crypto.pem import split_pem, to_pem
from tlcp.crypto.pkcs12 import Entry, dump_pkcs12
from tlcp.defaults import create_connection

BLOB = os.urandom(1 << 20)
NOW = ("--linger", "0")  # close_notify at the end of stdin; the echo must arrive nevertheless


def text(data: bytes) -> str:
    return data.decode()


@pytest.mark.parametrize("suite", ["E053", "E013", "E051", "E011"])
def test_a_mebibyte_comes_back_intact(suite: str, folder: Path) -> None:
    with serving("--pki", folder, "--name", "server") as server:
        done = run(
            *("connect", server.address, "--pki", folder, "--name", "client", *NOW),
            *("--ciphers", suite),
            data=BLOB,
        )
        assert done.returncode == 0, text(done.stderr)
        assert done.stdout == BLOB
        talk = text(done.stderr)
        assert f"({suite})" in talk
        assert "CN=a server" in talk
        assert "by CN=TLCP Root CA" in talk
        assert "client auth   done" in talk
        line = server.line()
        assert "CN=a client" in line
        assert "verified up to CN=TLCP Root CA" in line


def test_the_echo_arrives_with_the_default_linger_too(folder: Path) -> None:
    with serving("--pki", folder, "--name", "server") as server:
        words = ("connect", server.address, "--pki", folder, "--name", "client")
        assert run(*words, "--linger", "0.05", data=b"hi\n").stdout == b"hi\n"


def test_files_given_one_by_one(pki: PKI, folder: Path) -> None:
    def options(name: str) -> list[str | Path]:
        parts = ("sign-cert", "sign-key", "enc-cert", "enc-key")
        ends = ("sign.crt", "sign.key", "enc.crt", "enc.key")
        words: list[str | Path] = ["--ca", folder / "ca.crt"]
        for part, end in zip(parts, ends, strict=True):
            words += [f"--{part}", folder / f"{name}.{end}"]
        return words

    with serving(*options("server")) as server:
        done = run("connect", server.address, *options("client"), *NOW, data=b"x")
        assert (done.returncode, done.stdout) == (0, b"x")


def test_one_rsa_certificate_for_both_roles(tmp_path: Path) -> None:
    """As the page on RSA suites says."""
    ca, key = RsaCA.create(), rsa_key("one for both")
    made = rsa_certificate(
        "localhost", key.public_key(), "both", ca.certificate.common_name, ca.key
    )
    (tmp_path / "ca.crt").write_bytes(pem(ca.certificate))
    cert_file, key_file = tmp_path / "server.crt", tmp_path / "server.key"
    cert_file.write_bytes(pem(made))
    key_file.write_bytes(rsa_key_pem(key))
    sign = ("--sign-cert", cert_file, "--sign-key", key_file)
    enc = ("--enc-cert", cert_file, "--enc-key", key_file)
    words = ("--client-auth", "none", "--ciphers", "RSA_SM4_GCM_SM3")
    trust = ("--ca", tmp_path / "ca.crt")
    with serving(*sign, *enc, *words) as server:
        done = run("connect", server.address, *trust, *words[2:], *NOW, data=b"x")
        assert (done.returncode, done.stdout) == (0, b"x"), text(done.stderr)
        refused = run("connect", server.address, *trust, *NOW, data=b"x")
        assert refused.returncode != 0
        assert "RSA" in text(refused.stderr)
    half = run("serve", "127.0.0.1:0", *sign, *words)
    assert half.returncode == 2
    assert "for RSA suites the same certificate and key may be given for both" in text(half.stderr)


def test_encrypted_keys(pki: PKI, folder: Path, tmp_path: Path) -> None:
    for name in ("server.sign.crt", "server.enc.crt", "ca.crt"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    for name in ("server.sign.key", "server.enc.key"):
        (block,) = split_pem((folder / name).read_bytes())
        sealed = encrypt_pkcs8(block.der, "open sesame")
        (tmp_path / name).write_bytes(to_pem("ENCRYPTED PRIVATE KEY", sealed))
    words = ("--pki", tmp_path, "--name", "server")
    done = run("serve", "127.0.0.1:0", *words)
    assert done.returncode == 2
    assert "--key-password-file" in text(done.stderr)
    password = tmp_path / "password"
    done = run("serve", "127.0.0.1:0", *words, "--key-password-file", password)
    assert done.returncode == 2
    assert f"cannot read the password file {password}" in text(done.stderr)
    password.write_text("open sesame\nanything\n")
    with serving(*words, "--key-password-file", password) as server:
        words_of_client = ("connect", server.address, "--pki", folder, "--name", "client", *NOW)
        assert run(*words_of_client, data=b"x").returncode == 0


def test_a_bundle_at_both_ends(pki: PKI, folder: Path, tmp_path: Path) -> None:
    """A server from one PKCS#12 file, a client from one PEM file."""
    password, p12, pem = (tmp_path / name for name in ("password", "server.p12", "client.pem"))
    password.write_text("open sesame")
    server = pki.server
    entries = [
        Entry(server.enc_key, server.enc_cert.der),
        Entry(server.sign_key, server.sign_cert.der),
    ]
    p12.write_bytes(dump_pkcs12(entries, b"open sesame", protection=Protection(iterations=10)))
    parts = ("client.enc.key", "client.sign.crt", "client.sign.key", "client.enc.crt")
    pem.write_bytes(b"".join((folder / name).read_bytes() for name in parts))
    trust = ("--ca", folder / "ca.crt")
    with serving("--bundle", p12, "--key-password-file", password, *trust) as address:
        done = run("connect", address.address, "--bundle", pem, *trust, *NOW, data=b"x")
        assert (done.returncode, done.stdout) == (0, b"x"), text(done.stderr)
    done = run("serve", "127.0.0.1:0", "--bundle", p12, *trust)
    assert done.returncode == 2
    assert "protected by a password, and none is given" in text(done.stderr)
    done = run("serve", "127.0.0.1:0", "--bundle", p12, "--sign-cert", pem)
    assert done.returncode == 2
    assert "either --name, the four files or --bundle" in text(done.stderr)


def test_json_of_connect(folder: Path) -> None:
    with serving("--pki", folder, "--name", "server") as server:
        words = ("connect", server.address, "--pki", folder, "--name", "client", *NOW, "--json")
        done = run(*words, data="grüß\n".encode())
        facts = json.loads(done.stdout)
        assert facts["ok"] is True
        assert facts["suite"]["name"] == "ECC_SM4_GCM_SM3"
        assert facts["peer"]["verified"] is True
        assert facts["peer"]["sign"]["serial_hex"] != facts["peer"]["enc"]["serial_hex"]
        assert facts["client_auth"] == "done"
        assert facts["received"] == {"bytes": 7, "cut": False, "text": "grüß\n"}
        assert done.stderr == b""
        binary = json.loads(run(*words, data=b"\xff\x00").stdout)["received"]
        assert binary == {"bytes": 2, "cut": False, "base64": "/wA="}


def test_trace_on_both_sides_lists_the_messages(folder: Path) -> None:
    with serving("--pki", folder, "--name", "server", "--trace", "--once") as server:
        done = run(
            *("connect", server.address, "--pki", folder, "--name", "client", "--trace", *NOW),
            data=b"hi\n",
        )
        assert server.wait() == 0

    def heads(talk: str, prefix: str = "") -> list[str]:
        lines = [line.removeprefix(prefix) for line in talk.splitlines()]
        return [line.split()[2] for line in lines if line[:4].strip().isdigit()]

    seen = heads(text(done.stderr))
    assert seen[:6] == [
        "ClientHello",
        "ServerHello",
        "Certificate",
        "ServerKeyExchange",
        "CertificateRequest",
        "ServerHelloDone",
    ]
    assert sorted(seen) == sorted(heads(server.log, "[1] "))
    assert len(seen) == 17
    assert '"hi\\n" - 3 bytes' in text(done.stderr)


def test_http_over_tlcp(folder: Path, tmp_path: Path) -> None:
    site, secret = tmp_path / "site", tmp_path / "secret"
    site.mkdir()
    (site / "hello.bin").write_bytes(BLOB)
    secret.write_text("secret")
    (site / "out").symlink_to(secret)
    (site / "index.html").symlink_to(secret)
    with serving("--pki", folder, "--name", "server", "--www", site) as server:
        words = ("connect", server.address, "--pki", folder, "--name", "client", *NOW)
        requests = (
            b"GET /hello.bin HTTP/1.1\r\nHost: x\r\n\r\n"  # kept alive: a second one follows
            b"HEAD /hello.bin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        answer = run(*words, data=requests).stdout
        head, _, rest = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert rest[: len(BLOB)] == BLOB
        assert rest[len(BLOB) :].startswith(b"HTTP/1.1 200 OK\r\n")
        for path in (b"/../secret", b"/%2e%2e/secret", b"/out", b"/", b"/nothing", b"/%00"):
            request = b"GET " + path + b" HTTP/1.1\r\nConnection: close\r\n\r\n"
            refused = run(*words, data=request).stdout
            assert refused.startswith(b"HTTP/1.1 404 "), path
            assert b"secret</p>" not in refused


def test_a_refused_client_and_its_server_both_say_why(folder: Path) -> None:
    with serving("--pki", folder, "--name", "server", "--once") as server:
        done = run("connect", server.address, "--pki", folder, data=b"x")
        assert done.returncode == 1
        assert done.stdout == b""
        assert "asked for a client certificate, none was given, and it refused" in text(done.stderr)
        assert "--name NAME" in text(done.stderr)
        assert server.wait() == 1
        assert "refused: the client sent no certificate" in server.log


@pytest.mark.parametrize(("auth", "said"), [("none", "not asked for"), ("optional", "asked for,")])
def test_client_authentication_may_be_off(auth: str, said: str, folder: Path) -> None:
    with serving("--pki", folder, "--name", "server", "--client-auth", auth) as server:
        done = run("connect", server.address, "--pki", folder, *NOW, data=b"x")
        assert (done.returncode, done.stdout) == (0, b"x")
        assert f"client auth   {said}" in text(done.stderr)
        assert "client not authenticated" in server.line()


def test_a_server_of_another_ca_is_refused(pki: PKI, folder: Path) -> None:
    with serving("--pki", folder, "--name", "server", "--once") as server:
        done = run("connect", server.address, "--ca", pki.other_ca, data=b"x")
        assert done.returncode == 1
        assert "trusted" in text(done.stderr)
        assert server.wait() == 1
        assert "the peer sent the alert" in server.log


def test_insecure_believes_it_with_a_loud_warning(pki: PKI, folder: Path) -> None:
    with serving("--pki", folder, "--name", "server") as server:
        words = ("connect", server.address, "--ca", pki.other_ca, "--insecure", *NOW)
        files = ("--pki", folder, "--name", "client")
        done = run(*words, *files, data=b"x")
        assert (done.returncode, done.stdout) == (0, b"x")
        assert "WARNING" in text(done.stderr)
        assert "NO: verification is turned off" in text(done.stderr)


def test_a_wrong_host_name_is_refused(folder: Path) -> None:
    with serving("--pki", folder, "--name", "server") as server:
        words = ("connect", server.address, "--pki", folder, "--name", "client")
        done = run(*words, "--server-name", "bank.example", "--json")
        assert done.returncode == 1
        error = json.loads(done.stdout)["error"]
        assert error["kind"] == "CertificateVerifyError"
        assert "'bank.example'" in error["what"]
        assert error["exit_code"] == 1


def test_an_expired_server_is_refused(pki: PKI, folder: Path, tmp_path: Path) -> None:
    past = datetime.now(UTC) - timedelta(days=10)
    pki.authority.issue_pair("old", ("localhost", "127.0.0.1"), now=past, lifetime_days=1).save(
        tmp_path, "old"
    )
    (tmp_path / "ca.crt").write_bytes((folder / "ca.crt").read_bytes())
    with serving("--pki", tmp_path, "--name", "old", "--once") as server:
        done = run("connect", server.address, "--pki", folder, "--name", "client")
        assert done.returncode == 1
        assert "expired on" in text(done.stderr)
        assert server.wait() == 1


def test_no_common_suite(folder: Path) -> None:
    with serving("--pki", folder, "--name", "server", "--ciphers", "E053", "--once") as server:
        words = ("connect", server.address, "--pki", folder, "--name", "client")
        done = run(*words, "--ciphers", "E013:E011")
        assert done.returncode == 1
        assert "handshake_failure(40)" in text(done.stderr)
        assert server.wait() == 1
        assert "ECC_SM4_CBC_SM3" in server.log


def test_a_plain_http_client_is_recognised(folder: Path) -> None:
    with serving("--pki", folder, "--name", "server", "--once") as server:
        with socket.create_connection((server.host, server.port), LIMIT_S) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert sock.recv(100)[:1] == b"\x15"  # an alert
        assert server.wait() == 1
        assert "plain HTTP request" in server.log


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "plain HTTP answer"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "protocol_version(70)"),
        (b"", "in the middle of the handshake"),
    ],
    ids=["http", "tls-alert", "silence"],
)
def test_servers_that_do_not_speak_tlcp(answer: bytes, said: str, folder: Path) -> None:
    with answering(answer) as address:
        done = run("connect", address, "--pki", folder, "--name", "client")
        assert done.returncode == 1
        assert said in text(done.stderr)


def test_nobody_there(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    done = run("connect", f"127.0.0.1:{port}", "--pki", folder)
    assert done.returncode == 3
    assert f"127.0.0.1:{port}: the connection was refused" in text(done.stderr)


def test_a_host_that_does_not_exist(folder: Path) -> None:
    done = run("connect", "no such host:1", "--pki", folder, "--insecure")
    assert done.returncode in (2, 3)
    assert "host" in text(done.stderr)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "-1", "1e300", "1000001", "soon"])
def test_a_time_that_no_socket_can_wait_is_none(value: str) -> None:
    for kind in (SECONDS, SECONDS_OR_NONE):
        with pytest.raises(click.BadParameter, match=r"seconds|range|float"):
            kind.convert(value, None, None)
    assert SECONDS.convert("0.5", None, None) == 0.5
    assert SECONDS_OR_NONE.convert("0", None, None) == 0


@pytest.mark.parametrize(
    ("verb", "option"),
    [
        ("connect", "--timeout"),
        ("connect", "--linger"),
        ("serve", "--timeout"),
        ("serve", "--idle-timeout"),
        ("capture", "--seconds"),
    ],
)
def test_a_wrong_time_is_a_usage_error(verb: str, option: str) -> None:
    done = run(verb, "127.0.0.1:0", option, "nan")
    assert done.returncode == 2
    assert f"Invalid value for '{option}'".encode() in done.stderr


def test_a_server_that_never_answers(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        done = run("connect", address, "--pki", folder, "--timeout", "0.2")
    assert done.returncode == 3
    assert "took the TCP connection, but no handshake within 0.2 s" in text(done.stderr)


def test_a_server_that_never_closes(pki: PKI, folder: Path) -> None:
    """It answers close_notify with silence."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"

        def work() -> None:
            sock, _ = listener.accept()
            with _context(pki).wrap_socket(sock, server_side=True):
                over.wait(LIMIT_S)

        thread = threading.Thread(target=work)
        thread.start()
        words = ("connect", address, "--pki", folder, "--name", "client", *NOW)
        done = run(*words, "--timeout", "0.5")
        over.set()
        thread.join(LIMIT_S)
    assert done.returncode == 3
    assert "did not close within 0.5 s" in text(done.stderr)


def test_a_server_that_resets_the_connection(pki: PKI, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"

        def work() -> None:
            sock, _ = listener.accept()
            stream = _context(pki).wrap_socket(sock, server_side=True)
            stream.recv(1)
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            socket.close(stream.detach())

        thread = threading.Thread(target=work)
        thread.start()
        done = run("connect", address, "--pki", folder, "--name", "client", data=b"x")
        thread.join(LIMIT_S)
    assert done.returncode == 1
    assert "without close_notify" in text(done.stderr)


def test_a_reader_of_the_data_that_leaves_early(folder: Path) -> None:
    with serving("--pki", folder, "--name", "server") as server:
        words = command("connect", server.address, "--pki", folder, "--name", "client")
        line = f"{shlex.join(words)} | head -c 1"
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            input=BLOB,
            capture_output=True,
            env=environment(),
            timeout=LIMIT_S,
            check=False,
        )
    assert done.returncode == 141
    assert done.stdout == BLOB[:1]
    assert text(done.stderr).strip().endswith("done")  # nothing after the summary


def test_a_port_in_use_is_said(folder: Path) -> None:
    with serving("--pki", folder, "--name", "server") as server:
        done = run("serve", server.address, "--pki", folder, "--name", "server")
        assert done.returncode == 2
        assert f"cannot listen on {server.address}" in text(done.stderr)


def test_twenty_clients_at_once(pki: PKI, folder: Path) -> None:
    context = _context(pki, server=False)
    together = threading.Barrier(20)
    echoes: dict[int, bytes] = {}

    def client(number: int, port: int) -> None:
        together.wait(LIMIT_S)
        with create_connection(("localhost", port), context, timeout=LIMIT_S) as stream:
            message = str(number).encode() * 1000
            stream.sendall(message)
            together.wait(LIMIT_S)  # all twenty are connected now
            while len(echoes.get(number, b"")) < len(message):
                echoes[number] = echoes.get(number, b"") + stream.recv(1 << 16)

    with serving("--pki", folder, "--name", "server") as server:
        threads = [
            threading.Thread(target=client, args=(number, server.port)) for number in range(20)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LIMIT_S)
        lines = [server.line() for _ in range(20)]
    assert echoes == {number: str(number).encode() * 1000 for number in range(20)}
    assert all("CN=a client" in line for line in lines)


def test_a_silent_client_blocks_nobody_and_is_dropped(folder: Path) -> None:
    with serving("--pki", folder, "--name", "server", "--timeout", "1") as server:
        with socket.create_connection((server.host, server.port), LIMIT_S) as silent:
            words = ("connect", server.address, "--pki", folder, "--name", "client", *NOW)
            assert run(*words, data=b"x").stdout == b"x"
            assert silent.recv(1) == b""
        lines = sorted((server.line(), server.line()))
        assert "the handshake was not through after 1 s" in lines[0]


def test_a_full_server_ends_its_oldest_handshake(folder: Path) -> None:
    """Clients that are silent cannot keep the others out."""
    words = ("--pki", folder, "--name", "server", "--max-clients", "1")
    with serving(*words) as server:
        with socket.create_connection((server.host, server.port), LIMIT_S):
            client = ("connect", server.address, "--pki", folder, "--name", "client", *NOW)
            assert run(*client, data=b"x").stdout == b"x"
        assert "refused" in server.line()
        assert "CN=a client" in server.line()


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nX: ", b"x"])
def test_a_full_server_ends_its_most_silent_client(
    pki: PKI, folder: Path, tmp_path: Path, said: bytes
) -> None:
    """Nor can clients keep the others out who shake hands first, or dribble a request."""
    words: list[str | Path] = ["--pki", folder, "--name", "server", "--max-clients", "1"]
    words += ["--www", tmp_path] if said.startswith(b"GET") else []
    context = _context(pki, server=False)
    with serving(*words) as server:
        address = "localhost", server.port
        with create_connection(address, context, timeout=LIMIT_S) as silent:
            silent.sendall(said)
            with create_connection(address, context, timeout=LIMIT_S) as other:
                other.sendall(b"GET / HTTP/1.0\r\n\r\n")
                assert other.recv(1 << 16)
            silent.settimeout(LIMIT_S)
            with contextlib.suppress(ssl.SSLError):  # its end, whichever way
                while silent.recv(1 << 16):
                    pass
        lines = [server.line() for _ in range(3)]
    assert any("ended: it had to make room for another client" in line for line in lines), lines


def test_a_client_idle_for_too_long_is_dropped(pki: PKI, folder: Path) -> None:
    context = _context(pki, server=False)
    with serving("--pki", folder, "--name", "server", "--idle-timeout", "0.1") as server:
        with create_connection(("localhost", server.port), context, timeout=LIMIT_S) as stream:
            assert stream.recv(1) == b""  # close_notify, not a reset
        server.line()
        assert "the client was silent after 0.1 s" in server.line()


@pytest.mark.parametrize("option", [True, False], ids=["--keylog", "SSLKEYLOGFILE"])
def test_the_key_log(option: bool, folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "keys"
    with serving("--pki", folder, "--name", "server", "--keylog", tmp_path / "server") as server:
        words = ("connect", server.address, "--pki", folder, "--name", "client", *NOW)
        done = (
            run(*words, "--keylog", path, data=b"x")
            if option
            else run(*words, data=b"x", SSLKEYLOGFILE=str(path))
        )
        assert done.stdout == b"x"
        assert f"the keys go to {path}" in text(done.stderr)
    label, random, master = path.read_text().split()
    assert (label, len(random), len(master)) == ("CLIENT_RANDOM", 64, 96)
    assert (tmp_path / "server").read_text() == path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_ipv6(pki: PKI, folder: Path, tmp_path: Path) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(reason=f"needs IPv6 on the loopback interface: {error}")
    pki.authority.issue_pair("six", ("::1",)).save(tmp_path, "six")
    (tmp_path / "ca.crt").write_bytes((folder / "ca.crt").read_bytes())
    with serving("--pki", tmp_path, "--name", "six", listen="[::1]:0") as server:
        assert server.address.startswith("[::1]:")
        done = run(
            *("connect", server.address, "--pki", folder, "--name", "client", *NOW), data=b"6"
        )
        assert (done.returncode, done.stdout) == (0, b"6")
        assert "[::1]:" in server.line()


def test_a_truncated_answer_is_reported(pki: PKI, folder: Path) -> None:
    """The server process dies without close_notify."""
    with serving("--pki", folder, "--name", "server") as server:
        client = subprocess.Popen(
            command("connect", server.address, "--pki", folder, "--name", "client"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
        )
        assert client.stdin is not None
        assert client.stdout is not None
        client.stdin.write(b"x")
        client.stdin.flush()
        assert client.stdout.read(1) == b"x"
        server.process.kill()
        _, talk = client.communicate(timeout=LIMIT_S)
    assert client.returncode == 1
    assert "without close_notify" in text(talk)


@pytest.mark.parametrize(("number", "code"), [(2, 130), (15, 143)], ids=["SIGINT", "SIGTERM"])
def test_a_signal_stops_the_server_at_once(number: int, code: int, pki: PKI, folder: Path) -> None:
    context = _context(pki, server=False)
    with (
        serving("--pki", folder, "--name", "server") as server,
        create_connection(("localhost", server.port), context, timeout=LIMIT_S),
    ):
        server.line()
        server.process.send_signal(number)
        assert server.wait() == code
        assert server.log.count("\n") == 1  # the line of the client, and nothing about the end


def test_ctrl_c_ends_the_client_quietly(folder: Path) -> None:
    with serving("--pki", folder, "--name", "server") as server:
        client = subprocess.Popen(
            command("connect", server.address, "--pki", folder, "--name", "client"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
        )
        assert client.stdin is not None
        assert client.stdout is not None
        client.stdin.write(b"x")
        client.stdin.flush()
        assert client.stdout.read(1) == b"x"
        client.send_signal(2)
        _, talk = client.communicate(timeout=LIMIT_S)
    assert client.returncode == 130
    assert "Traceback" not in text(talk)
    assert text(talk).strip().endswith("done")  # the summary, and nothing after it


def _context(pki: PKI, *, server: bool = True) -> TLCPContext:
    party = pki.server if server else pki.client
    config = Config(identity=party.identity, trust=pki.trust)
    return TLCPContext(PROTOCOL_TLCP_SERVER if server else PROTOCOL_TLCP_CLIENT, config)
