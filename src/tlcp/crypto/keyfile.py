"""Private keys in files: SM2 in PKCS#8 and SEC1, RSA in PKCS#8 and PKCS#1, PEM or DER.

Files of OpenSSL 3, Tongsuo, TASSL, Kona and GmSSL are read.  PKCS#8 is written unless something
else is asked for, because it is the one form that every stack reads.  How keys are encrypted under
a password is in ``pbes2.py`` and ``pbe.py``.

Spec: GB/T 35276-2017 6 (SM2 keys); RFC 5208, RFC 5915 (their files); RFC 8017 A.1.2 (PKCS#1)
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Annotated, Final, Literal

from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import ObjectIdentifier

from tlcp.crypto.pbe import EncryptedPrivateKeyInfo, Work, cost_of, decrypt_pkcs8, encrypt_pkcs8
from tlcp.crypto.pbes2 import Protection
from tlcp.crypto.pem import PemBlock, is_pem, split_pem, to_pem
from tlcp.crypto.rsa import MAX_BITS, MIN_BITS, RSAPrivateKey
from tlcp.crypto.sm2 import SM2PrivateKey
from tlcp.errors import ConfigError

__all__ = [
    "EC_PUBLIC_KEY",
    "SM2_CURVE",
    "EcAlgorithm",
    "KeyForm",
    "SoftwareKey",
    "check_work",
    "dump_private_key",
    "encode_private_key",
    "key_cost",
    "key_form",
    "load_any_private_key",
    "load_private_key",
    "load_private_keys",
]

SoftwareKey = SM2PrivateKey | RSAPrivateKey
KeyForm = Literal["pkcs8", "sec1"]

EC_PUBLIC_KEY: Final = ObjectIdentifier("1.2.840.10045.2.1")
SM2_CURVE: Final = ObjectIdentifier("1.2.156.10197.1.301")

# OpenSSL 3 writes "SM2 PRIVATE KEY" where older tools write "EC PRIVATE KEY".
_SEC1_LABELS: Final = ("EC PRIVATE KEY", "SM2 PRIVATE KEY")
_FORMS: Final = {
    "PRIVATE KEY": "PKCS#8",
    "ENCRYPTED PRIVATE KEY": "encrypted PKCS#8",
    "RSA PRIVATE KEY": "PKCS#1",
}
_LONGEST_OTHER: Final = 2048  # bytes of a key that is not for us, of which the kind is told
_RSA_COST: Final = 5_000_000  # of checking the longest RSA key, in iterations of PBKDF2
_SHORTEST_RSA: Final = 1024  # bytes of DER; one of 2048 bits has 1190
_RSA_GROWTH: Final = 4.6  # the DER of an RSA key is so many times as long as its modulus
_OLD_ENCRYPTION: Final = (
    "the private key is encrypted in OpenSSL's old way (Proc-Type, DEK-Info); convert it with "
    "`openssl pkcs8 -topk8 -in KEY -out NEW`"
)


@asn1.sequence
class EcAlgorithm:
    """AlgorithmIdentifier of an EC key on a named curve.  Spec: RFC 5480 2.1.1"""

    algorithm: ObjectIdentifier
    curve: ObjectIdentifier


@asn1.sequence
class _PrivateKeyInfo:
    """PKCS#8.  Spec: RFC 5208 5, RFC 5958 2"""

    version: int
    algorithm: asn1.TLV
    private_key: bytes
    attributes: Annotated[asn1.SetOf[asn1.TLV] | None, asn1.Implicit(0)]
    public_key: Annotated[asn1.BitString | None, asn1.Implicit(1)]


@asn1.sequence
class _NewPrivateKeyInfo:
    version: int
    algorithm: EcAlgorithm
    private_key: bytes


@asn1.sequence
class _EcPrivateKey:
    """SEC1.  Spec: RFC 5915 3"""

    version: int
    private_key: bytes
    parameters: Annotated[ObjectIdentifier | None, asn1.Explicit(0)]
    public_key: Annotated[asn1.BitString | None, asn1.Explicit(1)]


@asn1.sequence
class _RSAPrivateKey:
    """PKCS#1, two primes.  Spec: RFC 8017 A.1.2"""

    version: int
    modulus: int
    public_exponent: int
    private_exponent: int
    prime1: int
    prime2: int
    exponent1: int
    exponent2: int
    coefficient: int


def load_private_key(data: bytes, password: bytes | None = None) -> SM2PrivateKey:
    """Read one SM2 private key.

    Args:
        data: a PEM file (blocks of other kinds are skipped) or DER, PKCS#8 or SEC1.
        password: for encrypted PKCS#8; not used for a key in the clear.

    Raises:
        ConfigError: no key, several keys, a key of another kind, a missing or wrong password, or
            a public key in the file that is not its own.

    Spec: GB/T 35276-2017 6.1; RFC 5208 5, RFC 5915 3
    """
    key = load_any_private_key(data, password)
    if isinstance(key, RSAPrivateKey):
        raise ConfigError(f"expected an SM2 private key, got an RSA key of {key.bits} bits")
    return key


def load_any_private_key(
    data: bytes, password: bytes | None = None
) -> SM2PrivateKey | RSAPrivateKey:
    """Read one private key, SM2 or RSA.

    Args:
        data: a PEM file (blocks of other kinds are skipped) or DER; PKCS#8, SEC1 or PKCS#1.
        password: for encrypted PKCS#8; not used for a key in the clear.

    Raises:
        ConfigError: as ``load_private_key``, or an RSA key of a length that is not used.

    Spec: GB/T 35276-2017 6.1; RFC 5208 5, RFC 5915 3, RFC 8017 A.1.2
    """
    keys = _keys_in(data)
    if len(keys) > 1:
        raise ConfigError(
            f"the file holds {len(keys)} private keys; "
            "put the signing and the encryption key into a file each"
        )
    return keys[0](password)


def load_private_keys(data: bytes, password: bytes | None = None) -> tuple[SoftwareKey, ...]:
    """Read every private key of a file, in its order; at least one.

    Args:
        data: as ``load_any_private_key``.
        password: for all that are encrypted.

    Raises:
        ConfigError: as ``load_any_private_key``, but for the number of keys.
    """
    return tuple(load(password) for load in _keys_in(data))


def _keys_in(data: bytes) -> list[Callable[[bytes | None], SoftwareKey]]:
    """What reads each key of the file, given a password; at least one."""
    if not is_pem(data):
        return [functools.partial(_load_der, data)]
    blocks = split_pem(data)
    keys = [block for block in blocks if block.label.endswith("PRIVATE KEY")]
    if not keys:
        found = ", ".join(sorted({block.label for block in blocks})) or "no PEM block"
        raise ConfigError(f"expected a private key, but the file holds {found}")
    check_work(keys)
    return [functools.partial(_load_block, block) for block in keys]


def check_work(blocks: Sequence[PemBlock]) -> None:
    """Refuse a file whose keys cost too much together; a single one is checked when it is read.

    Raises:
        ConfigError: they do.
    """
    work = Work("file")
    for block in blocks:
        if block.label.endswith("PRIVATE KEY"):
            work.spend(key_cost(len(block.der)))
        if block.label != "ENCRYPTED PRIVATE KEY":
            continue
        try:
            info = asn1.decode_der(EncryptedPrivateKeyInfo, block.der)
            cost = cost_of(asn1.encode_der(info.algorithm), "private key")
        except (ValueError, ConfigError):
            continue  # it costs nothing, and says so itself
        work.spend(cost)


def key_cost(size: int) -> int:
    """What reading a key costs at the most, in iterations of PBKDF2: an RSA key is checked.

    Args:
        size: of its DER in bytes, encrypted or not.
    """
    bits = 8 * size / _RSA_GROWTH if size >= _SHORTEST_RSA else 0
    return int(_RSA_COST * (bits / MAX_BITS) ** 3)


def dump_private_key(
    key: SoftwareKey,
    form: KeyForm = "pkcs8",
    *,
    password: bytes | None = None,
    protection: Protection | None = None,
) -> bytes:
    """Write a key as PEM: guard the file with mode 0600.

    Args:
        key: SM2 or RSA.
        form: "pkcs8", which every stack reads, or "sec1" (``BEGIN EC PRIVATE KEY``).
        password: encrypt under it (PKCS#8 alone can be); None leaves the key in the clear.
        protection: how to encrypt; what OpenSSL and Tongsuo read if not given.

    Raises:
        ConfigError: SEC1 of an RSA key, or with a password; an empty password.

    Spec: RFC 5208 5, 6; RFC 5915 3
    """
    if password is None:
        return to_pem(*encode_private_key(key, form))
    if form != "pkcs8":
        raise ConfigError("SEC1 keys are not encrypted here; write PKCS#8, or give no password")
    if not password:
        raise ConfigError("the password is empty; give one of some length, or none at all")
    chosen = protection or Protection()
    # GmSSL wants the curve a second time, and reads HMAC-SM3 alone.
    der = _encode(key, "pkcs8", curve_twice=chosen.prf == "sm3")
    return to_pem("ENCRYPTED PRIVATE KEY", encrypt_pkcs8(der, password, chosen))


def encode_private_key(key: SoftwareKey, form: KeyForm = "pkcs8") -> tuple[str, bytes]:
    """The PEM label and the DER of a key in the clear.

    Raises:
        ConfigError: SEC1 of an RSA key.

    Spec: RFC 5208 5, RFC 5915 3
    """
    return "EC PRIVATE KEY" if form == "sec1" else "PRIVATE KEY", _encode(key, form)


def _encode(key: SoftwareKey, form: KeyForm, *, curve_twice: bool = False) -> bytes:
    if isinstance(key, RSAPrivateKey):
        if form != "pkcs8":
            raise ConfigError("SEC1 is for elliptic curves, and this key is RSA; write PKCS#8")
        return key.dangerous_pkcs8()
    # As OpenSSL does: in PKCS#8 the curve once, outside; the public key inside, for checking.
    inner = _EcPrivateKey(
        version=1,
        private_key=key.dangerous_scalar(),
        parameters=SM2_CURVE if form == "sec1" or curve_twice else None,
        public_key=asn1.BitString(key.public_point, 0),
    )
    if form == "sec1":
        return asn1.encode_der(inner)
    outer = _NewPrivateKeyInfo(
        version=0,
        algorithm=EcAlgorithm(algorithm=EC_PUBLIC_KEY, curve=SM2_CURVE),
        private_key=asn1.encode_der(inner),
    )
    return asn1.encode_der(outer)


def _load_block(block: PemBlock, password: bytes | None) -> SM2PrivateKey | RSAPrivateKey:
    if block.encrypted:
        raise ConfigError(_OLD_ENCRYPTION)
    if block.label == "ENCRYPTED PRIVATE KEY":
        return _load_encrypted(block.der, password)
    if block.label in _SEC1_LABELS:
        return _load_sec1(block.der, need_curve=True)
    if block.label == "PRIVATE KEY":
        return _load_pkcs8(block.der)
    return _load_rsa(block.der, block.label)


def _load_encrypted(der: bytes, password: bytes | None) -> SM2PrivateKey | RSAPrivateKey:
    if password is None:
        raise ConfigError(
            "the private key is encrypted, and no password is given (--key-password-file, or "
            "password= of load_cert_chain)"
        )
    return _load_pkcs8(decrypt_pkcs8(der, password))


def key_form(block: PemBlock | bytes) -> str:
    """The form of a private key, by its label or, for DER, by what decodes.

    Returns:
        "PKCS#8", "encrypted PKCS#8", "SEC1", "PKCS#1" or "traditional, encrypted"; "" for
        something else.  Whether the key itself is sound is not looked at.
    """
    if isinstance(block, bytes):
        kinds = {
            _PrivateKeyInfo: "PKCS#8",
            _EcPrivateKey: "SEC1",
            EncryptedPrivateKeyInfo: "encrypted PKCS#8",
            _RSAPrivateKey: "PKCS#1",
        }
        return next((form for kind, form in kinds.items() if _decodes(kind, block)), "")
    if block.encrypted:
        return "traditional, encrypted"
    return "SEC1" if block.label in _SEC1_LABELS else _FORMS.get(block.label, "")


def _load_der(data: bytes, password: bytes | None) -> SM2PrivateKey | RSAPrivateKey:
    """Tell the kinds of DER apart by what decodes; they share no shape."""
    if _decodes(_PrivateKeyInfo, data):
        return _load_pkcs8(data)
    if _decodes(_EcPrivateKey, data):
        return _load_sec1(data, need_curve=True)
    if _decodes(EncryptedPrivateKeyInfo, data):
        return _load_encrypted(data, password)
    return _load_rsa(data, "neither PEM nor the DER of a private key")


def _load_pkcs8(der: bytes) -> SM2PrivateKey | RSAPrivateKey:
    try:
        info = asn1.decode_der(_PrivateKeyInfo, der)
    except ValueError:
        raise ConfigError("the private key is damaged: not the DER of a PKCS#8 key") from None
    try:
        algorithm: EcAlgorithm = info.algorithm.parse(EcAlgorithm)
        sm2 = algorithm.algorithm in (EC_PUBLIC_KEY, SM2_CURVE) and algorithm.curve == SM2_CURVE
    except ValueError:
        sm2 = False
    if not sm2:
        return _load_rsa(der, "a PKCS#8 key of another kind")
    return _load_sec1(info.private_key, need_curve=False)


def _load_sec1(der: bytes, *, need_curve: bool) -> SM2PrivateKey:
    try:
        key = asn1.decode_der(_EcPrivateKey, der)
    except ValueError:
        raise ConfigError("the private key is damaged: not the DER of an EC key") from None
    # Inside PKCS#8 the curve may be left out; on its own the key must say it.
    if key.parameters != SM2_CURVE and (need_curve or key.parameters is not None):
        curve = "no curve" if key.parameters is None else _curve_of(der)
        raise ConfigError(f"expected an EC private key on the SM2 curve, got {curve}")
    if key.version != 1 or not 1 <= len(key.private_key) <= 32:
        raise ConfigError("the private key is damaged: not an EC key of 32 bytes")
    try:
        loaded = SM2PrivateKey(key.private_key.rjust(32, b"\0"))
    except ValueError:
        raise ConfigError("the private key is damaged: its number is out of range") from None
    if key.public_key is not None and key.public_key.as_bytes() != _form_of(key, loaded):
        raise ConfigError("the private key is damaged: the public key in its file is another's")
    return loaded


def _form_of(key: _EcPrivateKey, loaded: SM2PrivateKey) -> bytes:
    """Write the true public point in the form that the file uses, for comparing."""
    point = loaded.public_point
    if key.public_key is not None and len(key.public_key.as_bytes()) == 33:
        return bytes([2 + (point[64] & 1)]) + point[1:33]
    return point


def _decodes(kind: type, der: bytes) -> bool:
    try:
        asn1.decode_der(kind, der)
    except ValueError:
        return False
    return True


def _load_rsa(der: bytes, otherwise: str) -> RSAPrivateKey:
    """An RSA key; what is another one is named, so that the user sees which file was taken."""
    bits = _rsa_bits(der)
    if bits > MAX_BITS:  # before it is checked, which would take minutes
        raise ConfigError(
            f"the private key cannot be used: an RSA key of {bits} bits; want {MIN_BITS} to "
            f"{MAX_BITS}"
        )
    try:
        # of other kinds only the name is wanted, and long ones take long, too
        readable = bits or len(der) <= _LONGEST_OTHER
        key = serialization.load_der_private_key(der, None) if readable else None
    except Exception:  # the parser raises ValueError, TypeError, UnsupportedAlgorithm and more
        key = None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ConfigError(f"expected an SM2 private key, got {_describe(key, otherwise)}")
    try:
        return RSAPrivateKey(key)
    except ValueError as error:
        raise ConfigError(f"the private key cannot be used: {error}") from None


def _rsa_bits(der: bytes) -> int:
    """The length of an RSA key's modulus, PKCS#8 or PKCS#1; 0 for keys of other kinds."""
    try:
        if _decodes(_PrivateKeyInfo, der):
            der = asn1.decode_der(_PrivateKeyInfo, der).private_key
        return asn1.decode_der(_RSAPrivateKey, der).modulus.bit_length()
    except ValueError:
        return 0


def _curve_of(der: bytes) -> str:
    try:
        if len(der) > _LONGEST_OTHER:
            return "another curve"
        return _describe(serialization.load_der_private_key(der, None), "another curve")
    except Exception:  # as above
        return "another curve"


def _describe(key: object, otherwise: str) -> str:
    if key is None:
        return otherwise
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return f"an EC key on the curve {key.curve.name}"
    return f"a key of the kind {type(key).__name__}"
