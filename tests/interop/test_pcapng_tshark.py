"""What ``--pcapng`` and the recordings of our own ends are to tshark: decrypted as they are."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from cli.tools import run, serving
from peers.pki import PKI
from support.captured import CAPTURES, SERVER_ENC_KEY, captures
from tlcp.crypto.keyfile import dump_private_key
from tlcp.inspect.captures import open_capture
from tlcp.inspect.wireshark import command


def shown(capture: Path, *options: str) -> str:
    """What tshark prints of the application data, with no options but these."""
    program = shutil.which("tshark")
    if program is None:
        pytest.skip("needs tshark: apt-get install tshark")
    words = [program, "-n", "-r", str(capture), *options]
    words += ["-T", "fields", "-e", "tcp.stream", "-e", "tls.handshake.type", "-e", "http"]
    words += ["-e", "tls.app_data", "-e", "_ws.col.Protocol", "-e", "_ws.col.Info"]
    return subprocess.run(words, capture_output=True, timeout=60, check=True, text=True).stdout


def finished(text: str) -> int:
    """How many Finished messages were decrypted."""
    return len(re.findall(r"\bFinished\b", text))


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "server.enc.key"
    path.write_bytes(dump_private_key(SERVER_ENC_KEY))
    return path


@pytest.mark.parametrize("name", captures())
def test_every_capture_opens_decrypted(name: str, key: Path, tmp_path: Path) -> None:
    """By the key log where there is one, else by the server's key, which opens ECC."""
    source, out = CAPTURES / f"{name}.pcap", tmp_path / "out.pcapng"
    log = CAPTURES / f"{name}.keys"
    known: list[str | Path] = ["--keylog", log] if log.exists() else ["--key", key]
    done = run("inspect", source, *known, "--pcapng", out)
    assert done.returncode == 0, done.stderr
    assert out.stat().st_mode & 0o777 == 0o600
    with open_capture(source) as one, open_capture(out) as other:
        assert [(p.link, p.data) for p in one] == [(p.link, p.data) for p in other]
    before, after = finished(shown(source)), finished(shown(out))
    opens = log.exists() or "ecc" in name
    assert before == 0
    assert after == (4 if "resume" in name else 2) * opens


@pytest.mark.parametrize("name", ["tongsuo-ecc-gcm", "tongsuo-ecc-gcm-resume-sid", "gmssl-ecc-gcm"])
def test_the_servers_key_becomes_keys_that_wireshark_takes(
    name: str, key: Path, tmp_path: Path
) -> None:
    """A resumed connection's, too; from standard input, which cannot be read twice."""
    out = tmp_path / "out.pcapng"
    data = (CAPTURES / f"{name}.pcap").read_bytes()
    done = run("inspect", "-", "--key", key, "--pcapng", out, data=data)
    assert done.returncode == 0, done.stderr
    assert finished(shown(out)) == (4 if "resume" in name else 2)


def test_only_the_keys_of_these_connections_go_in(tmp_path: Path) -> None:
    log, out = tmp_path / "keys", tmp_path / "out.pcapng"
    other = f"CLIENT_RANDOM {'ab' * 32} {'cd' * 48}\n"
    only = (CAPTURES / "tongsuo-ecc-gcm.keys").read_text()
    log.write_text(only + other)
    run("inspect", CAPTURES / "tongsuo-ecc-gcm.pcap", "--keylog", log, "--pcapng", out)
    with open_capture(out) as capture:
        assert list(capture)
        (found,) = capture.secrets
    assert found.decode().split()[1:] == only.lower().split()[1:]


def test_the_capture_is_not_overwritten_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "c.pcap"
    path.write_bytes((CAPTURES / "tongsuo-ecc-gcm.pcap").read_bytes())
    before = path.read_bytes()
    done = run("inspect", path, "--pcapng", path)
    assert done.returncode == 2
    assert b"is what is read as FILE" in done.stderr
    assert path.read_bytes() == before


@pytest.mark.parametrize("suite", ["ECC_SM4_GCM_SM3", "ECDHE_SM4_CBC_SM3"])
def test_a_recording_of_our_own_end(suite: str, pki: PKI, tmp_path: Path) -> None:
    """A full handshake and a resumed one: no complaint, all decrypted."""
    folder, file = pki.server_files.ca.parent, tmp_path / "own.pcapng"
    with serving("--pki", folder, "--name", "server", "--connections", "2") as server:
        done = run(
            *("connect", server.address, "--server-name", "localhost", "--linger", "0"),
            *("--pki", folder, "--name", "client", "--ciphers", suite, "--resume", "1"),
            *("--capture", file),
            data=b"GET / HTTP/1.0\r\n\r\n",
        )
    assert done.returncode == 0, done.stderr
    odd = command(str(file), [server.port]).split()[1:-1]  # nothing, but for a handful of ports
    text = shown(file, *odd)
    assert finished(text) == 4
    assert "HTTP" in text
    assert "GET / HTTP/1.0" in text
    options = ["-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE"]
    wrong = "_ws.malformed || tcp.checksum.status == 0 || ip.checksum.status == 0"
    wrong += " || tcp.analysis.flags"
    assert shown(file, *odd, *options, "-Y", wrong) == ""


def test_ports_that_wireshark_knows_need_an_option(pki: PKI, tmp_path: Path) -> None:
    """What the command says is needed, and enough."""
    source = CAPTURES / "tongsuo-ecc-gcm.pcap"
    text = shown(source)
    assert finished(text) == 0
    assert "GMTLSv1" in text
    with open_capture(source) as capture:
        data = source.read_bytes()
        port = next(iter(capture)).data[36:38]
    assert command("c.pcapng", [40000, int.from_bytes(port, "big")]) == "wireshark c.pcapng"
    assert command("a b; c", []) == "wireshark 'a b; c'"
    assert command("-X", []) == "wireshark ./-X"
    for number in (8080, 6379):
        moved = tmp_path / f"{number}.pcap"
        moved.write_bytes(data.replace(port, number.to_bytes(2, "big")))
        assert "GMTLSv1" not in shown(moved)
        words = command(str(moved), [number, 40000]).split()
        assert words == ["wireshark", "-d", f"tcp.port=={number},tls", str(moved)]
        assert "GMTLSv1" in shown(moved, *words[1:-1])
    many = command("c", range(6000, 6060)).split()
    assert many == ["wireshark", "-o", "tcp.try_heuristic_first:TRUE", "c"]
    assert "GMTLSv1" in shown(moved, *many[1:-1])
