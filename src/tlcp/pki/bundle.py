"""A pair as another stack wants it: its files, under its names, and the lines of its configuration.

Spec: GB/T 38636-2020 6.4.5.3 (order of the list); the rest is the stacks' own
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tlcp.crypto.keyfile import SoftwareKey, dump_private_key
from tlcp.crypto.pbes2 import FOR_GMSSL
from tlcp.crypto.pkcs12 import Entry, dump_pkcs12
from tlcp.crypto.rsa import RSAPrivateKey
from tlcp.crypto.sm2 import SM2PrivateKey
from tlcp.errors import ConfigError
from tlcp.pki.build import certificate_pem
from tlcp.x509.certificate import Certificate
from tlcp.x509.identity import Identity

__all__ = ["BUNDLES", "Bundle", "make_bundle", "needs_password"]


@dataclass(frozen=True, slots=True)
class Bundle:
    """What to give to a stack.

    Attributes:
        stack: a key of ``BUNDLES``.
        files: file name -> content; private keys among them.
        lines: the configuration that names them, for the directory that was given.
    """

    stack: str
    files: dict[str, bytes] = field(repr=False)
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Pair:
    """Everything that a bundle may want.

    Attributes:
        name: of the pair's files.
        chain: the intermediate CAs, the issuer first, without the root.
        trusted: the CAs to trust.
        password: for keys that must be encrypted; b"" if there is none.
    """

    name: str
    sign: Certificate
    enc: Certificate
    sign_key: SoftwareKey
    enc_key: SoftwareKey
    chain: tuple[Certificate, ...]
    trusted: tuple[Certificate, ...]
    password: bytes = field(repr=False)

    def sign_pem(self) -> bytes:
        return _pem(self.sign, *self.chain)

    def enc_pem(self) -> bytes:
        return _pem(self.enc, *self.chain)

    def plain(self, sign: str, enc: str, ca: str) -> dict[str, bytes]:
        """Six files, PEM, the keys in the clear."""
        return {
            f"{sign}.crt": self.sign_pem(),
            f"{sign}.key": dump_private_key(self.sign_key),
            f"{enc}.crt": self.enc_pem(),
            f"{enc}.key": dump_private_key(self.enc_key),
            ca: _pem(*self.trusted),
        }


def make_bundle(
    stack: str,
    name: str,
    pair: Identity,
    trusted: Sequence[Certificate],
    directory: str | Path,
    password: bytes | None = None,
) -> Bundle:
    """Put a pair into the files that a stack reads.

    Args:
        stack: a key of ``BUNDLES``.
        name: what the pair is called.
        pair: with both certificates and software keys.
        trusted: the CAs to trust, at least one.
        directory: where the files will be, for the lines.
        password: for the stacks that read encrypted keys alone, see ``needs_password``.

    Raises:
        ConfigError: no such stack, no encryption certificate, keys in a device, no CA, or no
            password where one is needed.
    """
    if stack not in BUNDLES:
        raise ConfigError(f"no bundle for {stack!r}; there are {', '.join(BUNDLES)}")
    if needs_password(stack) and not password:
        raise ConfigError(f"{stack} reads encrypted keys alone; give a password that is not empty")
    if not trusted:
        raise ConfigError("a bundle needs the CA that its user is to trust; give one")
    keys = (pair.sign_key, pair.enc_key)
    software = [key for key in keys if isinstance(key, SM2PrivateKey | RSAPrivateKey)]
    if pair.enc_cert is None or len(software) != len(keys):
        raise ConfigError("a bundle needs both certificates, and both private keys in files")
    chain = tuple(one for one in pair.chain if not one.self_signed)
    everything = _Pair(
        name,
        pair.sign_cert,
        pair.enc_cert,
        software[0],
        software[1],
        chain,
        tuple(trusted),
        password or b"",
    )
    make, lines = BUNDLES[stack]
    written = _Lines(stack, str(Path(directory).absolute()), name)
    return Bundle(stack, make(everything), tuple(map(written.line, lines)))


class _Lines:
    """Fills directory and name into the lines, so that nothing in them becomes syntax.

    Args:
        stack: whose lines.
        folder: the directory.
        name: the pair's.

    Raises:
        ConfigError: the directory cannot be written in that language.
    """

    def __init__(self, stack: str, folder: str, name: str) -> None:
        if not folder.isprintable() or (stack in _NGINX and "$" in folder):
            raise ConfigError(
                f"the directory {folder!r} cannot be named in a configuration; choose one without "
                "control characters and '$'"
            )
        self._nginx = stack in _NGINX
        if stack in _SHELL:
            folder, name = shlex.quote(folder), shlex.quote(name)
        else:  # strings of nginx, Go and Java
            folder = folder.replace("\\", r"\\").replace('"', r"\"")
        self._bare = _BARE.fullmatch(folder) is not None
        self._where = {"dir": folder, "name": name}

    def line(self, template: str) -> str:
        """A line of ``BUNDLES``, filled."""
        if self._nginx and not self._bare:
            template = _PLACE.sub(r'"\g<0>"', template)
        return template.format_map(self._where)


def needs_password(stack: str) -> bool:
    """Whether a stack reads encrypted keys alone."""
    return stack in ("gmssl", "kona")


def _pem(*certificates: Certificate) -> bytes:
    return certificate_pem(*(certificate.der for certificate in certificates))


def _tongsuo(pair: _Pair) -> dict[str, bytes]:
    return pair.plain("server_sign", "server_enc", "ca.crt")


def _tassl(pair: _Pair) -> dict[str, bytes]:
    return pair.plain("SS", "SE", "CA.crt")


def _gotlcp(pair: _Pair) -> dict[str, bytes]:
    return pair.plain("sign", "enc", "ca.crt")


def _own(pair: _Pair) -> dict[str, bytes]:
    return pair.plain(f"{pair.name}.sign", f"{pair.name}.enc", "ca.crt")


def _gmssl(pair: _Pair) -> dict[str, bytes]:
    """One list for the server; a client sends its signing certificate alone."""

    def key(one: SoftwareKey) -> bytes:
        return dump_private_key(one, password=pair.password, protection=FOR_GMSSL)

    return {
        "double_certs.pem": _pem(pair.sign, pair.enc, *pair.chain),
        "clientcert.pem": _pem(pair.sign, *pair.chain),
        "signkey.pem": key(pair.sign_key),
        "enckey.pem": key(pair.enc_key),
        "cacert.pem": _pem(*pair.trusted),
    }


def _kona(pair: _Pair) -> dict[str, bytes]:
    """A key store with both entries; Kona tells them apart by keyUsage."""
    entries = [
        Entry(pair.sign_key, pair.sign.der, "sign"),
        Entry(pair.enc_key, pair.enc.der, "enc"),
    ]
    cas = [certificate.der for certificate in pair.chain]
    return {
        "keystore.p12": dump_pkcs12(entries, pair.password, cas=cas),
        **pair.plain("sign", "enc", "ca.crt"),
    }


_SHELL: Final = ("gmssl", "tlcp")  # whose lines are commands
_NGINX: Final = ("nginx-tongsuo", "tassl")  # whose lines are nginx's
_BARE: Final = re.compile(r"[\w/.@%+=:,~-]+")  # what nginx takes without quotes
_PLACE: Final = re.compile(r"\{dir\}/[\w.]+")

_Maker = Callable[[_Pair], dict[str, bytes]]

#: stack -> what makes its files, and the lines; {dir} is where they are, {name} the pair's
BUNDLES: Final[dict[str, tuple[_Maker, tuple[str, ...]]]] = {
    "nginx-tongsuo": (
        _tongsuo,
        (
            "enable_ntls              on;",
            "ssl_sign_certificate     {dir}/server_sign.crt;",
            "ssl_sign_certificate_key {dir}/server_sign.key;",
            "ssl_enc_certificate      {dir}/server_enc.crt;",
            "ssl_enc_certificate_key  {dir}/server_enc.key;",
            "ssl_client_certificate   {dir}/ca.crt;",
            "ssl_verify_client        on;",
            "ssl_verify_depth         3;",
        ),
    ),
    "tassl": (
        _tassl,
        (
            "ssl_certificate         {dir}/SS.crt;",
            "ssl_certificate_key     {dir}/SS.key;",
            "ssl_enc_certificate     {dir}/SE.crt;",
            "ssl_enc_certificate_key {dir}/SE.key;",
            "ssl_client_certificate  {dir}/CA.crt;",
            "ssl_verify_client       on;",
            "ssl_verify_depth        3;",
        ),
    ),
    "gmssl": (
        _gmssl,
        (
            "gmssl tlcp_server -port 4433 -cert {dir}/double_certs.pem -key {dir}/signkey.pem "
            "-pass PASSWORD -ex_key {dir}/enckey.pem -ex_pass PASSWORD -cacert {dir}/cacert.pem",
            "gmssl tlcp_client -host HOST -port 4433 -cacert {dir}/cacert.pem "
            "-cert {dir}/clientcert.pem -key {dir}/signkey.pem -pass PASSWORD",
        ),
    ),
    "gotlcp": (
        _gotlcp,
        (
            'sign, err := tlcp.LoadX509KeyPair("{dir}/sign.crt", "{dir}/sign.key")',
            'enc, err := tlcp.LoadX509KeyPair("{dir}/enc.crt", "{dir}/enc.key")',
            'root, err := os.ReadFile("{dir}/ca.crt")',
            "pool := smx509.NewCertPool(); pool.AppendCertsFromPEM(root)",
            "config := &tlcp.Config{{Certificates: []tlcp.Certificate{{sign, enc}},",
            "    RootCAs: pool, ClientCAs: pool, ClientAuth: tlcp.RequireAndVerifyClientCert}}",
        ),
    ),
    "kona": (
        _kona,
        (
            'KeyStore keys = KeyStore.getInstance("PKCS12", "KonaPKIX");',
            'keys.load(new FileInputStream("{dir}/keystore.p12"), password);',
            'KeyStore trust = KeyStore.getInstance("PKCS12", "KonaPKIX");',
            "trust.load(null, null);",
            'CertificateFactory x509 = CertificateFactory.getInstance("X.509", "KonaPKIX");',
            'trust.setCertificateEntry("ca", x509.generateCertificate('
            'new FileInputStream("{dir}/ca.crt")));',
            'SSLContext context = SSLContext.getInstance("TLCPv1.1", "KonaSSL");',
        ),
    ),
    "tlcp": (
        _own,
        (
            "tlcp serve 0.0.0.0:4433 --pki {dir} --name {name}",
            "tlcp connect HOST:4433 --pki {dir} --name {name}",
        ),
    ),
}
