"""``tlcp pki csr`` and ``sign``: a key that stays where it was made, and a CA elsewhere."""

from __future__ import annotations

from pathlib import Path

import click

from tlcp.cli.facts import certificate_facts
from tlcp.cli.options import examples
from tlcp.cli.pki_common import (
    DAYS,
    DIRECTORY,
    FILE,
    as_json_option,
    ca_password_option,
    force_option,
    keep,
    open_ca_to_sign,
    quoted,
    read_file,
    report,
)
from tlcp.crypto.keyfile import dump_private_key, load_private_key
from tlcp.crypto.sm2 import SM2PrivateKey
from tlcp.errors import ConfigError
from tlcp.pki.build import build_name
from tlcp.pki.csr import build_csr, csr_pem, read_csr
from tlcp.pki.files import write_files
from tlcp.pki.hosts import names_of_hosts
from tlcp.x509.certificate import load_pem_certificates

__all__ = ["csr", "sign"]


@click.command(
    short_help="Make a signing key, and a request (CSR) for a CA elsewhere.",
    epilog=examples("tlcp pki csr . server --host localhost"),
)
@click.argument("directory", type=DIRECTORY, metavar="DIR")
@click.argument("name")
@click.option("--host", "hosts", multiple=True, help="Host name or IP address; may be repeated.")
@click.option("--cn", help="Common name to ask for; NAME if not given.")
@click.option("--org", default="", help="Organization to ask for.")
@click.option("--country", default="CN", show_default=True, help="Country, two letters.")
@click.option("--key", "key_file", type=FILE, metavar="FILE", help="Use this key; make none.")
@force_option
@as_json_option
def csr(
    directory: Path,
    name: str,
    hosts: tuple[str, ...],
    cn: str | None,
    org: str,
    country: str,
    key_file: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Make NAME.sign.key, which stays here, and NAME.csr, which goes to the CA.

    The CA answers with both certificates and the encryption key, in an envelope that NAME.sign.key
    opens.
    """
    written = (f"{name}.csr",) if key_file else (f"{name}.csr", f"{name}.sign.key")
    force = keep(directory, written, force, [key_file])
    names_of_hosts(hosts)  # what the CA would refuse is not asked for
    key = load_private_key(read_file(key_file)) if key_file else SM2PrivateKey.generate()
    request = build_csr(
        subject=build_name(cn or name, organization=org, country=country),
        public_point=key.public_point,
        signer=key,
        hosts=hosts,
    )
    contents = {f"{name}.csr": csr_pem(request)}
    if key_file is None:
        contents[f"{name}.sign.key"] = dump_private_key(key)
    paths = write_files(directory, contents, force=force)
    facts: dict[str, object] = {
        "files": {path.name: str(path) for path in paths},
        "subject": read_csr(request).subject.rfc4514_string(),
        "hosts": list(hosts),
    }
    report(
        paths,
        facts,
        as_json,
        "give the .csr to the CA; if that is ours:",
        following=f"tlcp pki sign CADIR {quoted(paths[0])}",
    )


@click.command(
    short_help="Issue a pair for a request (CSR).",
    epilog=examples("tlcp pki sign mypki server.csr"),
)
@click.argument("directory", type=DIRECTORY, metavar="DIR")
@click.argument("request", type=FILE, metavar="CSR")
@click.option("--name", help="Of the files; the CSR's own if not given.")
@click.option("--host", "hosts", multiple=True, help="Instead of the hosts that the CSR asks for.")
@click.option("--days", type=DAYS, default=397, show_default=True, help="How long they are valid.")
@ca_password_option
@force_option
@as_json_option
def sign(
    directory: Path,
    request: Path,
    name: str | None,
    hosts: tuple[str, ...],
    days: int,
    key_password_file: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Issue NAME.sign.crt, NAME.enc.crt and NAME.enc.envelope from the CA in DIR.

    The envelope (SM2EnvelopedKey, GB/T 35276) holds the encryption key; only the key that signed
    the CSR opens it. The CA keeps no copy.
    """
    name = name or request.stem
    authority = open_ca_to_sign(directory, key_password_file)
    data = read_file(request)
    try:
        asked = read_csr(data)
    except ConfigError as error:
        raise ConfigError(f"{request}: {error}") from error
    force = keep(
        directory,
        [f"{name}.{part}" for part in ("sign.crt", "enc.crt", "enc.envelope")],
        force,
        [request, key_password_file],
    )
    paths = authority.sign_request(asked, name, hosts or None, lifetime_days=days, force=force)
    sign_cert, enc_cert = (load_pem_certificates(read_file(path))[0] for path in paths[:2])
    facts: dict[str, object] = {
        "files": {path.name: str(path) for path in paths},
        "sign": certificate_facts(sign_cert),
        "enc": certificate_facts(enc_cert),
    }
    hosts_given = [*sign_cert.dns_names, *map(str, sign_cert.ip_addresses)]
    report(
        paths,
        facts,
        as_json,
        f"signed for {sign_cert.subject_text}, hosts: {', '.join(hosts_given) or 'none'}",
        "give all three back, and ca.crt; whoever has the signing key opens the envelope with",
        following=f"tlcp pki key {quoted(paths[2].name)} {quoted(name)}.sign.key --to pkcs8 "
        f"--out {quoted(name)}.enc.key",
    )
