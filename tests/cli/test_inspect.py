"""``tlcp inspect`` on captures of other stacks."""

from __future__ import annotations

import gzip
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.tools import run
from support.captured import CAPTURES, SERVER_ENC_KEY, captures
from support.capturing import Talk, enhanced, framed, ip_of, pcap, pcapng, secrets
from tlcp.cli.app import program
from tlcp.cli.inspecting import Progress
from tlcp.crypto.keyfile import dump_private_key
from tlcp.crypto.pbes2 import Protection
from tlcp.crypto.pem import split_pem
from tlcp.crypto.pkcs12 import Entry, dump_pkcs12
from tlcp.crypto.sm2 import SM2PrivateKey
from tlcp.inspect.captures import Packet, open_capture
from tlcp.inspect.packets import Decoder
from unit.inspect.test_findings import conforms

CA = CAPTURES / "pki" / "ca.crt"
ECC, ECDHE = CAPTURES / "tongsuo-ecc-gcm.pcap", CAPTURES / "tongsuo-ecdhe-gcm.pcap"
RESUMED = CAPTURES / "tongsuo-ecc-gcm-resume-sid.pcap"


def inspect(*words: str | Path, data: bytes = b"", **more: Any) -> Result:
    environment = {"LC_ALL": "C.UTF-8", **more}
    words = ("inspect", *words)
    return CliRunner().invoke(program, [str(w) for w in words], input=data, env=environment)


def keys(capture: Path) -> Path:
    return capture.with_suffix(".keys")


def documents(result: Result) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(result.stdout)
    rule = json.loads(inspect("--schema").stdout)
    for one in found:
        conforms(one, rule["$defs"]["connection"], rule)
    return found


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "server.enc.key"
    path.write_bytes(dump_private_key(SERVER_ENC_KEY))
    return path


def packets_of(capture: Path) -> tuple[int, list[tuple[float, bytes]]]:
    """The link type and the packets of a pcap, to the second."""
    with open_capture(capture) as opened:
        packets = list(opened)
    return packets[0].link, [(float(int(p.time_s)), p.data) for p in packets]


def talked(*bytes_of_client: bytes) -> bytes:
    """A capture of one connection in which the client says something."""
    talk = Talk().shake()
    for data in bytes_of_client:
        talk.send(0, data)
    talk.bye()
    return pcap([(p.time_s, framed("ethernet", ip_of(p))) for p in talk.packets])


def test_keys_behind_the_end_of_a_connection_open_it(tmp_path: Path) -> None:
    link, packets = packets_of(ECC)
    late = tmp_path / "late.pcapng"
    late.write_bytes(pcapng(packets, link=link) + secrets("<", keys(ECC).read_bytes()))
    (one,) = documents(inspect("--json", "--ca", CA, late))
    assert one["decryption"]["possible"]
    with late.open("ab") as file:
        file.write(b"no block")  # damage behind them changes nothing
    shown = inspect("--json", "--ca", CA, late)
    assert documents(shown)[0]["decryption"]["possible"]
    assert "could not be read to its end" in shown.stderr


@pytest.mark.parametrize("first", range(4))
def test_a_capture_that_begins_late_knows_who_is_who(first: int, tmp_path: Path) -> None:
    """Without SYNs, beginning at ClientHello, ServerHello, client Certificate, or later."""
    link, packets = packets_of(ECC)
    decoder = Decoder()
    spoken = [(t, p) for t, p in packets if (s := decoder.decode(Packet(t, link, p, 0))) and s.data]
    late = tmp_path / "late.pcap"
    late.write_bytes(pcap(spoken[first:], link=link))
    (one,) = documents(inspect("--json", "--keylog", keys(ECC), late))
    whole = documents(inspect("--json", ECC))[0]
    assert one["server"]["address"] == whole["server"]["address"]


def damaged(tmp_path: Path) -> Path:
    """A capture with one bit changed in the signature of ServerKeyExchange."""
    data = bytearray(ECC.read_bytes())
    found = re.search(rb"\x0c\x00\x00[\x40-\x50]\x00[\x40-\x50]\x30", data)
    assert found
    place = found.start() + 30
    data[place] ^= 1
    path = tmp_path / "damaged.pcap"
    path.write_bytes(data)
    return path


def test_with_a_key_log_all_is_decrypted_and_verified() -> None:
    result = inspect(ECC, "--keylog", keys(ECC), "--ca", CA)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("Connection 1: ")
    assert "suite: ECC_SM4_GCM_SM3" in result.stdout
    assert "decrypted by the key log" in result.stdout
    assert "certificates lead to" in result.stdout
    assert "[step 15/15, " in result.stdout
    assert result.stderr == ""


def test_with_the_servers_key(key: Path) -> None:
    result = inspect(CAPTURES / "gmssl-ecc-gcm.pcap", "--key", key)
    assert result.exit_code == 0, result.output
    assert "decrypted by the server's encryption key" in result.stdout
    assert "no CA was given" in result.stdout


def test_without_a_key_the_rest_is_shown_with_the_reason() -> None:
    result = inspect(ECC)
    assert result.exit_code == 0, result.output
    assert "not decrypted: no key log and no encryption key was given" in result.stdout
    assert "ServerKeyExchange" in result.stdout


def test_ecdhe_says_why_the_servers_key_is_not_enough(key: Path) -> None:
    result = inspect(ECDHE, "--key", key)
    assert result.exit_code == 0, result.output
    assert "not decrypted: ECDHE: the server's key alone is not enough" in result.stdout


def test_json_conforms_to_the_schema_and_holds_no_keys() -> None:
    result = inspect(RESUMED, "--keylog", keys(RESUMED), "--json")
    assert result.exit_code == 0, result.output
    first, second = documents(result)
    assert (first["name"], second["name"]) == ("1", "2")
    assert (first["resumed"], second["resumed"]) == (False, True)
    assert first["decryption"]["possible"]
    assert second["decryption"]["possible"]
    assert first["client"]["address"].count(":") == 1
    assert first["client"]["ended"] in ("fin", "reset", "unknown")
    for line in keys(RESUMED).read_text().splitlines():
        assert line.split()[-1] not in result.output


def test_a_resumed_connection_is_decrypted_through_its_session(key: Path) -> None:
    _, second = documents(inspect(RESUMED, "--key", key, "--json"))
    assert second["resumes"] == "1"
    assert second["decryption"]["possible"]


def test_keys_are_printed_only_when_asked_for() -> None:
    master = keys(ECC).read_text().split()[-1].lower()
    words = (ECC, "--keylog", keys(ECC))
    assert master not in inspect(*words, "--details").output
    shown = inspect(*words, "--dangerous-secrets")
    assert master in shown.stdout
    assert "WARNING: the output holds keys" in shown.stderr
    (one,) = documents(inspect(*words, "--dangerous-secrets", "--json"))
    assert one["secrets"]["master"] == master


def test_details_show_the_fields() -> None:
    assert "cipher_suites" not in inspect(ECC).stdout
    assert "cipher_suites" in inspect(ECC, "--details").stdout


@pytest.mark.parametrize(
    ("words", "environment", "chinese"),
    [
        (("--lang", "zh"), {}, True),
        ((), {"LC_ALL": "", "LC_MESSAGES": "", "LANG": "zh_CN.UTF-8"}, True),
        ((), {"LC_ALL": "C.UTF-8", "LANG": "zh_CN.UTF-8"}, False),
        (("--lang", "en"), {"LC_ALL": "zh_CN.UTF-8"}, False),
        ((), {"LC_ALL": "", "LC_MESSAGES": "", "LANG": ""}, False),
    ],
)
def test_the_language(words: tuple[str, ...], environment: dict[str, Any], chinese: bool) -> None:
    result = inspect(ECC, *words, **environment)
    assert ("未解密" in result.stdout) is chinese
    assert ("not decrypted" in result.stdout) is not chinese


def test_standard_input_and_gzip(tmp_path: Path) -> None:
    plain = inspect(ECC).stdout
    assert run("inspect", "-", "--lang", "en", data=ECC.read_bytes()).stdout.decode() == plain
    packed = tmp_path / "capture.pcap.gz"
    packed.write_bytes(gzip.compress(ECC.read_bytes()))
    assert inspect(packed).stdout == plain
    piped = inspect("-", data=packed.read_bytes())
    assert piped.exit_code == 0, piped.output
    assert piped.stdout == plain


def test_the_key_log_inside_a_pcapng_is_used(tmp_path: Path) -> None:
    link, packets = packets_of(ECC)
    path = tmp_path / "with-keys.pcapng"
    path.write_bytes(pcapng(packets, link=link, key_log=keys(ECC).read_bytes()))
    assert "decrypted by the key log" in inspect(path).stdout


def test_the_troubles_of_a_capture_are_told_at_the_end(tmp_path: Path) -> None:
    link, packets = packets_of(ECC)
    place = next(i for i, (_, data) in enumerate(packets) if b"\x16\x01\x01" in data)
    time_s, hello = packets[place]
    packets.insert(place + 1, (time_s, hello[:-1] + bytes([hello[-1] ^ 1])))
    packets.append((time_s, bytes(len(hello))))
    path = tmp_path / "troubled.pcapng"
    path.write_bytes(pcapng(packets, link=link) + enhanced("<", 0, hello, number=7))
    result = inspect(path)
    assert result.exit_code == 0, result.output
    assert result.stdout == inspect(ECC).stdout
    assert "of the client at 0 were sent again and differed" in result.stderr
    assert "packets passed over: 1 (not IP: 1)" in result.stderr
    assert "a packet of interface 7, which is not described" in result.stderr


def test_what_is_no_tlcp_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "http.pcap"
    path.write_bytes(talked(b"GET / HTTP/1.1\r\n\r\n"))
    result = inspect(path)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no TLCP connection was found" in result.stderr
    assert "TCP connections passed over, no TLCP: 1 (" in result.stderr
    assert inspect(path, "--json").stdout == "[]\n"
    assert "没有发现 TLCP 连接" in inspect(path, "--lang", "zh").stderr


def test_a_verification_that_fails_is_exit_code_1(tmp_path: Path) -> None:
    result = inspect(damaged(tmp_path))
    assert result.exit_code == 1, result.output
    assert "error" in result.stdout
    refused = inspect(ECC, "--ca", CA, "--host", "other.example")
    assert refused.exit_code == 1
    assert "other.example" in refused.stdout


def test_keys_of_every_form(tmp_path: Path) -> None:
    """PKCS#12, and a file with both keys of the server."""
    capture = CAPTURES / "gmssl-ecc-gcm.pcap"
    both, p12, empty = tmp_path / "both.key", tmp_path / "server.p12", tmp_path / "empty.p12"
    other = SM2PrivateKey.generate()
    both.write_bytes(dump_private_key(other) + dump_private_key(SERVER_ENC_KEY))
    certificate = split_pem((CAPTURES / "pki" / "server-enc.crt").read_bytes())[0].der
    fast = Protection(iterations=10)
    p12.write_bytes(dump_pkcs12([Entry(SERVER_ENC_KEY, certificate)], b"secret", protection=fast))
    empty.write_bytes(dump_pkcs12([], b"secret", protection=fast))
    password = tmp_path / "password"
    password.write_text("secret")
    for words in ((both,), (p12, "--key-password-file", password)):
        result = inspect(capture, "--key", *words)
        assert result.exit_code == 0, result.stderr
        assert "decrypted by the server's encryption key" in result.stdout
    assert "none is given" in inspect(capture, "--key", p12).stderr
    refused = inspect(capture, "--key", empty, "--key-password-file", password)
    assert "holds no private key" in refused.stderr


def test_a_capture_that_is_cut_short_is_shown_up_to_there(tmp_path: Path) -> None:
    path = tmp_path / "short.pcap"
    path.write_bytes(ECC.read_bytes()[:-7])
    result = inspect(path, "--json")
    assert result.exit_code == 2
    (one,) = documents(result)
    assert one["suite"]["name"] == "ECC_SM4_GCM_SM3"
    assert "could not be read to its end: the file is cut short" in result.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere.pcap",), "cannot read nowhere.pcap: No such file or directory"),
        ((".",), "cannot read .: Is a directory"),
        (("text",), "this is no capture: expected pcap or pcapng"),
        (("empty",), "empty: the file is empty"),
        (("-",), "standard input: the file is empty"),
        ((ECC, "--keylog", "nowhere"), "cannot read the key log nowhere"),
        ((ECC, "--key", "nowhere"), "cannot read the key file nowhere"),
        ((ECC, "--key", "text"), "key file text: "),
        ((ECC, "--key", ECC, "--key-password-file", "nowhere"), "the password file nowhere"),
        ((ECC, "--ca", "nowhere"), "cannot read the CA file nowhere"),
        ((ECC, "--host", "a.example"), "--host needs --ca"),
        ((ECC, "--lang", "fr"), "--lang"),
        ((), "Missing argument"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, tuple) else None,
)
def test_what_cannot_be_used_is_said(
    words: tuple[str | Path, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text").write_text("hello, hello\n")
    Path("empty").touch()
    result = inspect(*words)
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere.pcap",), "无法读取 nowhere.pcap：没有这个文件或目录"),
        ((".",), "无法读取 .：这是一个目录"),
        (("text",), "text：这不是抓包文件：应为 pcap 或 pcapng"),
        (("text",), "建议：请给出 pcap 或 pcapng 文件"),
        (("empty",), "empty：文件是空的"),
        (("-",), "标准输入：文件是空的"),
        ((ECC, "--keylog", "nowhere"), "无法读取密钥日志 nowhere：没有这个文件或目录"),
        ((ECC, "--key", "nowhere"), "无法读取私钥文件 nowhere：没有这个文件或目录"),
        ((ECC, "--key", "text"), "私钥文件 text 不能使用：需要 PEM、DER 或 PKCS#12 格式"),
        ((ECC, "--key", ECC, "--key-password-file", "nowhere"), "无法读取口令文件 nowhere"),
        ((ECC, "--ca", "nowhere"), "无法读取 CA 文件 nowhere：没有这个文件或目录"),
        ((ECC, "--ca", "text"), "CA 文件 text 不能使用：需要 PEM 格式的 CA 证书"),
        ((ECC, "--host", "a.example"), "--host 需要 --ca"),
        ((ECC, "--no-keys"), "--no-keys 需要 --html"),
        ((ECC, "--brief", "--json"), "--brief 每个连接只输出一行"),
        ((ECC, "--pcapng", ECC), "就是 FILE 要读取的文件"),
        ((ECC, "--html", "nowhere/page.html"), "没有目录 nowhere"),
        ((ECC, "--export-data", "full"), "full 不是空目录"),
        ((ECC, "--pcapng", "link"), "link 是符号链接"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, tuple) else None,
)
@pytest.mark.parametrize("by", ["--lang", "LANG"])
def test_it_is_said_in_chinese_where_that_is_asked_for(
    words: tuple[str | Path, ...],
    said: str,
    by: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text").write_text("hello, hello\n")
    Path("empty").touch()
    Path("full").mkdir()
    Path("full/file").touch()
    Path("link").symlink_to("empty")
    locale: dict[str, Any] = {"LC_ALL": None, "LC_MESSAGES": None, "LANG": "zh_CN.UTF-8"}
    result = inspect(*words, **locale) if by == "LANG" else inspect(*words, "--lang", "zh")
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    english = inspect(*words, "--lang", "en")
    assert said not in english.stderr
    assert english.stderr.isascii()


def test_a_key_log_of_something_else_is_pointed_out(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("SERVER_TRAFFIC_SECRET 00 00\n")
    result = inspect(ECC, "--keylog", path)
    assert result.exit_code == 0
    assert "has no line CLIENT_RANDOM" in result.stderr


def test_the_help_has_an_example_and_the_exit_codes() -> None:
    text = inspect("--help").stdout
    assert "tlcp inspect " in text.partition("Example:")[2]
    assert "1 a verification failed" in text


def test_progress_waits_is_drawn_over_and_cleared() -> None:
    screen, clock = io.StringIO(), [0.0]
    progress = Progress(screen, lambda: clock[0])
    progress(1 << 20, 4 << 20)
    progress.clear()
    assert screen.getvalue() == ""
    clock[0] = 1.0
    progress(1 << 20, 4 << 20)
    progress(2 << 20, 4 << 20)  # too soon
    clock[0] = 2.0
    progress(3 << 20, None)
    progress.clear()
    drawn = screen.getvalue().split("\r\x1b[K")
    assert drawn == ["", "1.0 of 4.0 MiB, 25%", "3.0 MiB", ""]


@pytest.mark.parametrize("form", [[], ["--json"], ["--brief"], ["--details", "--lang", "zh"]])
def test_several_processes_print_what_one_prints(form: list[str], tmp_path: Path) -> None:
    """All captures in one file, resumed connections among them."""
    whole, log = tmp_path / "all.pcap", tmp_path / "all.keys"
    files = [CAPTURES / f"{name}.pcap" for name in captures()]
    whole.write_bytes(files[0].read_bytes() + b"".join(f.read_bytes()[24:] for f in files[1:]))
    log.write_text("".join(f.read_text() for f in sorted(CAPTURES.glob("*.keys"))[::2]))
    words: list[str | Path] = ["inspect", whole, "--keylog", log, "--ca", CA, *form]
    one, three = (run(*words, "--jobs", count) for count in ("1", "3"))
    assert one.stdout == three.stdout
    assert (one.returncode, one.stderr) == (three.returncode, three.stderr)
    assert len(one.stdout) > 500


def test_brief_is_a_line_for_each_connection() -> None:
    capture = CAPTURES / "tassl-ecc-gcm-resume-sid.pcap"
    shown = inspect(capture, "--ca", CA, "--brief", "--keylog", keys(capture)).stdout.splitlines()
    assert len(shown) == 2
    assert "ECC_SM4_GCM_SM3 (E053), decrypted, verified" in shown[0]
    assert "resumed, decrypted, verified" in shown[1]
    closed = inspect(capture, "--ca", CA, "--brief", "--lang", "zh").stdout.splitlines()
    assert "未解密" in closed[0]
    assert "部分未能校验" in closed[0]


def test_brief_is_text() -> None:
    refused = inspect(ECC, "--brief", "--json")
    assert refused.exit_code == 2
    assert "--brief" in refused.stderr
