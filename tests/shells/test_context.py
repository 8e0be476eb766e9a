"""``TLCPContext`` against what the documentation of ``ssl.SSLContext`` says."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tlcp
from shells.bios import Bios
from support.ends import HOST, NOW, world
from support.sockets import client_context, server_context
from tlcp.config import ClientAuth, Config
from tlcp.context import PROTOCOL_TLCP_CLIENT, PROTOCOL_TLCP_SERVER, TLCPContext
from tlcp.crypto.keyfile import dump_private_key
from tlcp.crypto.pem import to_pem
from tlcp.errors import ConfigError
from tlcp.pki.build import certificate_pem
from unit.x509.test_trust import OTHER


def client() -> TLCPContext:
    return TLCPContext(PROTOCOL_TLCP_CLIENT)


def server() -> TLCPContext:
    return TLCPContext(PROTOCOL_TLCP_SERVER)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ca.crt, {client,server}.{sign,enc}.{crt,key}, client.pem and what is wrong."""
    folder = tmp_path_factory.mktemp("files")
    w = world()
    ca = certificate_pem(w.ca.certificate.der)
    (folder / "ca.crt").write_bytes(ca)
    for name, one in (("client", w.client), ("server", w.server)):
        assert one.enc_cert is not None
        parts = {
            f"{name}.sign.crt": certificate_pem(one.sign_cert.der),
            f"{name}.sign.key": dump_private_key(one.sign_key),  # type: ignore[arg-type]
            f"{name}.enc.crt": certificate_pem(one.enc_cert.der),
            f"{name}.enc.key": dump_private_key(one.enc_key),  # type: ignore[arg-type]
        }
        for file, content in parts.items():
            (folder / file).write_bytes(content)
        (folder / f"{name}.pem").write_bytes(b"".join(parts.values()))
    (folder / "text").write_bytes(b"neither certificate nor key\n")
    (folder / "encrypted.key").write_bytes(to_pem("ENCRYPTED PRIVATE KEY", b"\x30\x00"))
    return folder


# ---- constructor and protocol ---------------------------------------------------------------


def test_the_two_protocols() -> None:
    assert client().protocol is tlcp.PROTOCOL_TLCP_CLIENT
    assert server().protocol == tlcp.PROTOCOL_TLCP_SERVER
    assert isinstance(client(), ssl.SSLContext)
    assert repr(server()) == "<TLCPContext PROTOCOL_TLCP_SERVER>"


@pytest.mark.parametrize(
    "protocol", [-1, 42, ssl.PROTOCOL_TLS_CLIENT, ssl.PROTOCOL_TLS_SERVER, ssl.PROTOCOL_TLS]
)
def test_another_protocol(protocol: int) -> None:
    with pytest.raises(ValueError, match="PROTOCOL_TLCP_CLIENT"):
        TLCPContext(protocol)


def test_a_protocol_of_another_type() -> None:
    with pytest.raises(TypeError):
        TLCPContext("client")  # type: ignore[arg-type]


def test_a_context_of_the_other_side() -> None:
    """An ``ssl.SSLError`` as in ``ssl``, and a ValueError."""
    for context, side in ((client(), True), (server(), False)):
        with pytest.raises(ssl.SSLError, match="Cannot create a") as caught:
            context.wrap_bio(
                ssl.MemoryBIO(), ssl.MemoryBIO(), server_side=side, server_hostname=None
            )
        assert isinstance(caught.value, ValueError)


def test_it_cannot_be_copied_or_pickled() -> None:
    for action in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="cannot pickle 'TLCPContext' object"):
            action(client_context())


# ---- verification ---------------------------------------------------------------------------


def test_defaults_of_verification() -> None:
    assert client().verify_mode is ssl.CERT_REQUIRED
    assert client().check_hostname is True
    assert server().verify_mode is ssl.CERT_NONE
    assert server().check_hostname is False


def test_check_hostname_and_verify_mode_go_together() -> None:
    context: Any = client()
    with pytest.raises(ValueError, match="check_hostname is enabled"):
        context.verify_mode = ssl.CERT_NONE
    assert context.verify_mode is ssl.CERT_REQUIRED
    context.verify_mode = ssl.CERT_OPTIONAL
    assert context.verify_mode is ssl.CERT_OPTIONAL
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    assert context.verify_mode is ssl.CERT_NONE
    context.check_hostname = True
    assert context.verify_mode is ssl.CERT_REQUIRED
    context.check_hostname = False
    assert context.verify_mode is ssl.CERT_REQUIRED
    context.verify_mode = ssl.CERT_OPTIONAL
    context.check_hostname = True
    assert context.verify_mode is ssl.CERT_OPTIONAL


@pytest.mark.parametrize(
    ("value", "error"), [(42, ValueError), (-1, ValueError), (None, TypeError)]
)
def test_a_verify_mode_that_is_none(value: Any, error: type[Exception]) -> None:
    context = client()
    with pytest.raises(error):
        context.verify_mode = value
    assert context.verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize("value", [2, "yes", [0], "", None, 0])
def test_check_hostname_takes_any_truth(value: Any) -> None:
    context = server()
    context.check_hostname = value
    assert context.check_hostname is bool(value)


def test_settings_reach_the_connections() -> None:
    """Each change counts for the connections after it, although settings are kept ready."""
    context = client_context()
    assert not context.config_for(server_side=False).dangerous_skip_verification
    context.check_hostname = False
    assert context.config_for(server_side=False).dangerous_skip_host_check
    context.verify_mode = ssl.CERT_NONE
    assert context.config_for(server_side=False).dangerous_skip_verification
    context.set_alpn_protocols(["h2"])
    assert context.config_for(server_side=False).alpn_protocols == ("h2",)
    far = server_context(verify_mode=ssl.CERT_NONE)
    assert far.config_for(server_side=True).client_auth is ClientAuth.NONE
    far.verify_mode = ssl.CERT_OPTIONAL
    assert far.config_for(server_side=True).client_auth is ClientAuth.OPTIONAL
    assert far.config_for(server_side=True) is far.config_for(server_side=True)


def test_a_config_brings_its_verification_along() -> None:
    loose = TLCPContext(PROTOCOL_TLCP_CLIENT, Config(dangerous_skip_verification=True))
    assert (loose.verify_mode, loose.check_hostname) == (ssl.CERT_NONE, False)
    nameless = TLCPContext(PROTOCOL_TLCP_CLIENT, Config(dangerous_skip_host_check=True))
    assert (nameless.verify_mode, nameless.check_hostname) == (ssl.CERT_REQUIRED, False)
    optional = TLCPContext(PROTOCOL_TLCP_SERVER, Config(client_auth=ClientAuth.OPTIONAL))
    assert optional.verify_mode is ssl.CERT_OPTIONAL


def test_verify_flags() -> None:
    context = client()
    assert context.verify_flags is ssl.VerifyFlags.VERIFY_X509_TRUSTED_FIRST
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    assert context.verify_flags == ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_TRUSTED_FIRST
    with pytest.raises(NotImplementedError, match="proxy"):
        context.verify_flags = ssl.VerifyFlags.VERIFY_ALLOW_PROXY_CERTS
    with pytest.raises(TypeError):
        context.verify_flags = None  # type: ignore[assignment]


# ---- settings of TLS ------------------------------------------------------------------------


def test_options_are_kept() -> None:
    context = client()
    before = context.options
    context.options |= ssl.OP_NO_TICKET
    assert context.options == before | ssl.OP_NO_TICKET
    context.options &= ~ssl.OP_NO_TICKET
    assert context.options & ssl.OP_NO_TICKET == 0
    assert isinstance(context.options, ssl.Options)
    for wrong in ("x", None):
        with pytest.raises(TypeError):
            context.options = wrong  # type: ignore[assignment]


def test_versions() -> None:
    context = client()
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = ssl.TLSVersion.MAXIMUM_SUPPORTED
    assert context.minimum_version is ssl.TLSVersion.MINIMUM_SUPPORTED
    assert context.maximum_version is ssl.TLSVersion.MAXIMUM_SUPPORTED
    with pytest.raises(NotImplementedError, match="0x0101"):
        context.minimum_version = ssl.TLSVersion.TLSv1_2
    for value, error in ((1, ValueError), ("x", TypeError), (None, TypeError)):
        with pytest.raises(error):
            context.maximum_version = value  # type: ignore[assignment]


def test_curves_tickets_and_levels() -> None:
    context = server()
    for curve in ("SM2", b"sm2", "curveSM2"):
        context.set_ecdh_curve(curve)
    context.num_tickets = 0
    with pytest.raises(ValueError, match="non-negative"):
        context.num_tickets = -1
    assert (context.num_tickets, context.security_level, context.post_handshake_auth) == (
        0,
        2,
        False,
    )


# ---- our certificates -----------------------------------------------------------------------


def pair(files: Path, name: str, kind: str) -> tuple[Path, Path]:
    return files / f"{name}.{kind}.crt", files / f"{name}.{kind}.key"


@pytest.mark.parametrize("kind", [Path, str, os.fsencode])
def test_paths_of_every_type(kind: Any, files: Path) -> None:
    context = server()
    sign, enc = pair(files, "server", "sign"), pair(files, "server", "enc")
    context.load_cert_chain(sign=tuple(map(kind, sign)), enc=tuple(map(kind, enc)))
    assert context.identity is not None
    assert context.identity.sign_cert == world().server.sign_cert
    context.load_cert_chain(kind(files / "client.pem"))
    assert context.identity.sign_cert == world().client.sign_cert


def test_what_is_loaded_serves(files: Path) -> None:
    near, far = client_context(), server_context()
    far.identity = near.identity = None
    far.load_cert_chain(sign=pair(files, "server", "sign"), enc=pair(files, "server", "enc"))
    near.load_cert_chain(files / "client.pem")
    assert Bios(near, far).handshake().server.getpeercert(True) == world().client.sign_cert.der


@pytest.mark.parametrize("place", range(4))
def test_a_missing_file(place: int, files: Path) -> None:
    parts = [*pair(files, "server", "sign"), *pair(files, "server", "enc")]
    parts[place] = files / "missing"
    with pytest.raises(FileNotFoundError) as caught:
        server().load_cert_chain(sign=(parts[0], parts[1]), enc=(parts[2], parts[3]))
    assert caught.value.filename == str(files / "missing")
    with pytest.raises(FileNotFoundError):
        server().load_cert_chain(files / "missing")
    with pytest.raises(FileNotFoundError):
        server().load_cert_chain(files / "server.pem", files / "missing")
    with pytest.raises(IsADirectoryError):
        server().load_cert_chain(files)


@pytest.mark.parametrize(
    "arguments",
    [
        {"certfile": "text"},
        {"certfile": "ca.crt"},
        {"certfile": "server.sign.crt"},
        {"certfile": "server.sign.crt", "keyfile": "server.enc.key"},
        {"certfile": "server.sign.crt", "keyfile": "text"},
        {"sign": ("text", "server.sign.key")},
        {"sign": ("server.sign.crt", "server.enc.key")},
        {"sign": ("server.sign.key", "server.sign.crt")},
        {"sign": ("server.enc.crt", "server.enc.key")},
        {"sign": ("server.sign.crt", "encrypted.key")},
    ],
)
def test_wrong_content(arguments: dict[str, Any], files: Path) -> None:
    paths = {
        name: tuple(files / one for one in value) if isinstance(value, tuple) else files / value
        for name, value in arguments.items()
    }
    context = server()
    with pytest.raises(ssl.SSLError) as caught:
        context.load_cert_chain(**paths)  # type: ignore[arg-type]
    assert isinstance(caught.value, ConfigError)
    assert caught.value.library == "TLCP"
    assert context.identity is None


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"certfile": None},
        {"certfile": 3},
        {"enc": ("a", "b")},
        {"certfile": "a", "sign": ("a", "b")},
        {"keyfile": "a", "sign": ("a", "b")},
        {"certfile": "a", "enc": ("a", "b")},
        {"sign": "ab"},
        {"sign": ("a",)},
        {"sign": ("a", 3)},
    ],
)
def test_arguments_that_do_not_go_together(arguments: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        server().load_cert_chain(**arguments)


def test_passwords(files: Path) -> None:
    """None is needed here; their types are checked, and a function is not called in vain."""

    def never() -> str:
        pytest.fail("the key is not encrypted")

    for password in ("text", b"bytes", bytearray(b"bytearray"), never, None):
        server().load_cert_chain(files / "server.pem", password=password)
    with pytest.raises(TypeError, match="password should be a string or callable"):
        server().load_cert_chain(files / "server.pem", password=3)
    with pytest.raises(ValueError, match="longer than 1023"):
        server().load_cert_chain(files / "server.pem", password="a" * 1024)


def test_a_password_function_for_an_encrypted_key(files: Path) -> None:
    """It is asked; what its answer is good for is told by the error: such keys are not read yet."""
    sign = (files / "server.sign.crt", files / "encrypted.key")
    calls: list[str] = []

    def give() -> str:
        calls.append("asked")
        return "secret"

    with pytest.raises(ConfigError, match="encrypted"):
        server().load_cert_chain(sign=sign, password=give)
    assert calls == ["asked"]
    for answer in (3, None):
        with pytest.raises(TypeError, match="must return a string"):
            server().load_cert_chain(sign=sign, password=lambda answer=answer: answer)
    with pytest.raises(ZeroDivisionError):
        server().load_cert_chain(sign=sign, password=lambda: 1 / 0)


# ---- trust ----------------------------------------------------------------------------------

NOTHING = {"x509": 0, "x509_ca": 0, "crl": 0}


def test_cas_from_everywhere(files: Path) -> None:
    ca = world().ca.certificate
    pem, other = certificate_pem(ca.der), certificate_pem(OTHER)
    context = client()
    assert context.cert_store_stats() == NOTHING
    assert context.get_ca_certs() == []
    for arguments in (
        {"cafile": files / "ca.crt"},
        {"cafile": os.fsencode(files / "ca.crt")},
        {"capath": str(files)},
        {"cadata": pem.decode()},
        {"cadata": pem},
        {"cadata": ca.der},
        {"cadata": bytearray(ca.der + ca.der)},
        {"cadata": memoryview(other + pem)},
    ):
        fresh = client()
        fresh.load_verify_locations(**arguments)
        assert fresh.get_ca_certs(binary_form=True) == [ca.der], arguments
        context.load_verify_locations(**arguments)
    assert context.cert_store_stats() == {"x509": 1, "x509_ca": 1, "crl": 0}
    assert context.get_ca_certs()[0]["subject"][-1] == (("commonName", "Test CA"),)


def test_end_certificates_count_but_are_no_cas(files: Path) -> None:
    context = client()
    context.load_verify_locations(files / "server.sign.crt")
    assert context.cert_store_stats() == {"x509": 1, "x509_ca": 0, "crl": 0}
    assert context.get_ca_certs() == []


def test_a_bundle_for_tls_counts_nothing(tmp_path: Path) -> None:
    (tmp_path / "roots.pem").write_bytes(b"# Some Root\n" + certificate_pem(OTHER, OTHER))
    context = client()
    context.load_verify_locations(tmp_path / "roots.pem")
    context.load_default_certs()
    context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
    context.set_default_verify_paths()
    assert context.cert_store_stats() == NOTHING


def test_arguments_of_load_verify_locations(files: Path) -> None:
    for wrong in ({}, {"cafile": None}, {"cafile": 3}, {"capath": 3}):
        with pytest.raises(TypeError):
            client().load_verify_locations(**wrong)
    for data in (5, object(), "ü"):
        with pytest.raises(TypeError, match="ASCII string or a bytes-like object"):
            client().load_verify_locations(cadata=data)  # type: ignore[arg-type]
    for empty in ("", b""):
        with pytest.raises(ValueError, match="empty"):
            client().load_verify_locations(cadata=empty)
    for broken in ("broken", b"broken", world().ca.certificate.der[:-1]):
        with pytest.raises(ssl.SSLError, match="cadata holds no certificate"):
            client().load_verify_locations(cadata=broken)
    for path, error in (
        ("missing", FileNotFoundError),
        (".", IsADirectoryError),
        ("text", ssl.SSLError),
    ):
        with pytest.raises(error):
            client().load_verify_locations(files / path)
    with pytest.raises(FileNotFoundError):
        client().load_verify_locations(capath=files / "missing")


def test_the_system_s_own_places(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(files / "ca.crt"))
    monkeypatch.setenv("SSL_CERT_DIR", str(files / "missing"))
    context = client()
    context.load_default_certs()
    assert context.cert_store_stats()["x509_ca"] == 1


# ---- the protocol ---------------------------------------------------------------------------


def test_ciphers() -> None:
    context = client()
    context.set_ciphers("ECC_SM4_CBC_SM3:ECC-SM2-SM4-GCM-SM3")
    names = [suite["name"] for suite in context.get_ciphers()]
    assert names == ["ECC_SM4_CBC_SM3", "ECC_SM4_GCM_SM3"]
    first = context.get_ciphers()[0]
    assert first["id"] == 0xE013
    keys = "aead alg_bits auth description digest id kea name protocol strength_bits symmetric"
    assert sorted(first) == keys.split() == sorted(ssl.create_default_context().get_ciphers()[0])
    context.set_ciphers("default")
    assert len(context.get_ciphers()) == 4
    for wrong in ("", "bogus", "ECC_SM1_SM3"):
        with pytest.raises(ssl.SSLError):
            context.set_ciphers(wrong)
    with pytest.raises(TypeError):
        context.set_ciphers(None)  # type: ignore[arg-type]
    assert len(context.get_ciphers()) == 4


def test_shared_ciphers() -> None:
    near, far = client_context(), server_context()
    near.set_ciphers("ECC_SM4_CBC_SM3:ECDHE_SM4_CBC_SM3:ECC_SM4_GCM_SM3")
    far.set_ciphers("ECC_SM4_GCM_SM3:ECC_SM4_CBC_SM3")
    ends = Bios(near, far).handshake()
    shared = [name for name, _, _ in ends.server.shared_ciphers()]
    assert shared == ["ECC_SM4_CBC_SM3", "ECC_SM4_GCM_SM3"]
    assert ends.client.shared_ciphers() is None
    assert ends.server.cipher() == ends.client.cipher() == ("ECC_SM4_GCM_SM3", "TLCPv1.1", 128)


@pytest.mark.parametrize(
    ("near", "far", "agreed"),
    [
        ([], ["h2"], None),
        (["h2"], [], None),
        (["h2", "http/1.1"], ["http/1.1", "h2"], "http/1.1"),
        (["h2"], ["http/1.1"], None),
        (["a" * 255], ["a" * 255], "a" * 255),
    ],
)
def test_alpn(near: list[str], far: list[str], agreed: str | None) -> None:
    one, other = client_context(), server_context()
    one.set_alpn_protocols(near)
    other.set_alpn_protocols(iter(far))
    ends = Bios(one, other).handshake()
    assert ends.client.selected_alpn_protocol() == ends.server.selected_alpn_protocol() == agreed


def test_alpn_arguments() -> None:
    for wrong in ([b"h2"], [3], None, 3):
        with pytest.raises(TypeError):
            client().set_alpn_protocols(wrong)  # type: ignore[arg-type]
    for value in ([""], ["a" * 256]):
        with pytest.raises(ssl.SSLError):
            client().set_alpn_protocols(value)
    with pytest.raises(ValueError, match="ASCII"):
        client().set_alpn_protocols(["ü"])


def test_session_stats() -> None:
    near, far = client_context(), server_context()
    assert set(near.session_stats()) == set(ssl.create_default_context().session_stats())
    Bios(near, far)  # nobody speaks
    assert near.session_stats()["connect"] == far.session_stats()["accept"] == 0
    Bios(near, far).handshake()
    near.session_stats()["connect"] = 99  # a copy
    stats = near.session_stats()
    assert (stats["connect"], stats["connect_good"], stats["accept"]) == (1, 1, 0)
    assert far.session_stats()["accept_good"] == 1
    with pytest.raises(ssl.SSLError):
        Bios(near, name="other.example").handshake()
    stats = near.session_stats()
    assert (stats["connect"], stats["connect_good"]) == (2, 1)


# ---- key log --------------------------------------------------------------------------------


def test_keylog_filename(tmp_path: Path) -> None:
    context, path = client_context(), tmp_path / "keys"
    assert context.keylog_filename is None
    context.keylog_filename = os.fsencode(path)
    assert context.keylog_filename == str(path)
    assert path.is_file()
    Bios(context).handshake()
    first = path.read_text()
    assert first.startswith("CLIENT_RANDOM ")
    Bios(context).handshake()
    assert path.read_text().startswith(first)
    context.keylog_filename = None
    assert context.keylog_filename is None
    size = path.stat().st_size
    Bios(context).handshake()
    assert path.stat().st_size == size


def test_keylog_filename_that_cannot_be(tmp_path: Path) -> None:
    context: Any = client_context()
    context.keylog_filename = tmp_path / "good"
    for wrong, error in (
        (tmp_path / "missing" / "keys", FileNotFoundError),
        (tmp_path, IsADirectoryError),
        (1, TypeError),
    ):
        with pytest.raises(error):
            context.keylog_filename = wrong
    assert context.keylog_filename == str(tmp_path / "good")


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_the_key_log_is_closed_with_its_context(tmp_path: Path) -> None:
    gc.collect()
    before = open_files()
    context = client_context()
    for number in range(3):
        context.keylog_filename = tmp_path / str(number)
    assert open_files() == before + 1
    del context
    gc.collect()
    assert open_files() == before


def test_sslkeylogfile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "keys"
    monkeypatch.setenv("SSLKEYLOGFILE", str(path))
    assert tlcp.create_default_context(cadata=world().ca.certificate.der).keylog_filename == str(
        path
    )
    assert client().keylog_filename is None
    code = "import tlcp; print(tlcp.create_default_context().keylog_filename)"
    run = [sys.executable, "-E", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"]
    assert subprocess.check_output(run, text=True).strip() == "None"


# ---- names and defaults ---------------------------------------------------------------------


def named(name: Any) -> Any:
    context = client_context()
    return context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=name).server_hostname


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (HOST, HOST),
        (b"server.example", HOST),
        ("bücher.example", "xn--bcher-kva.example"),
        ("密码.example", "xn--vctw07d.example"),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("A.B.", "A.B."),
    ],
)
def test_server_hostname(given: Any, kept: str) -> None:
    assert named(given) == kept


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ("", ValueError),
        (".example", ValueError),
        (None, ValueError),
        ("ü" * 64, ValueError),
        ("ü".encode(), ValueError),
        ("a\0b", TypeError),
        (3, TypeError),
    ],
)
def test_server_hostname_that_is_none(wrong: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        named(wrong)


def test_server_hostname_on_either_side() -> None:
    bios = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ValueError, match="only be specified in client mode"):
        server_context().wrap_bio(*bios, server_side=True, server_hostname="a.example")
    with pytest.raises(TypeError, match="TLCPSession"):
        client_context().wrap_bio(*bios, server_hostname="a.example", session=object())
    context = client_context()
    context.check_hostname = False
    assert context.wrap_bio(*bios).server_hostname is None
    one, other = socket.socketpair()
    with one, other, pytest.raises(ValueError, match="requires server_hostname"):
        client_context().wrap_socket(one)


def test_create_default_context(files: Path) -> None:
    context = tlcp.create_default_context(cafile=files / "ca.crt")
    assert context.protocol is PROTOCOL_TLCP_CLIENT
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.cert_store_stats()["x509_ca"] == 1
    far = tlcp.create_default_context(ssl.Purpose.CLIENT_AUTH)
    assert far.protocol is PROTOCOL_TLCP_SERVER
    assert (far.verify_mode, far.check_hostname) == (ssl.CERT_NONE, False)
    assert far.cert_store_stats() == NOTHING
    with pytest.raises(TypeError):
        tlcp.create_default_context("client")  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError):
        tlcp.create_default_context(cafile=files / "missing")


def test_errors_are_ssl_s(files: Path) -> None:
    """What the attributes of an error say, as ``ssl`` documents them."""
    stranger = server_context(identity=world().stranger.issue_pair("x", [HOST], now=NOW).identity)
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        Bios(client_context(), stranger).handshake()
    error = caught.value
    assert (error.library, error.reason) == ("TLCP", "CERTIFICATE_VERIFY_FAILED")
    assert error.errno == ssl.SSL_ERROR_SSL == error.args[0]
    assert error.verify_code in (18, 19, 20)
    assert error.verify_message in error.args[1]
    assert isinstance(error, ssl.CertificateError)
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        Bios(name="other.example").handshake()
    assert caught.value.verify_code == 62
    assert "other.example" in caught.value.verify_message
