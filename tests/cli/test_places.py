"""No output takes the place of an input, of another output, or of a file of another kind.

What is refused is refused before anything is read or connected: the address of ``connect`` is that
of nobody, which would be exit code 3.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from cli.tools import LIMIT_S, command, environment, run
from support.captured import CAPTURES
from tlcp.cli import pcapng
from tlcp.cli.app import program
from tlcp.cli.places import Command, Reads, ReadsFolder, Writes, WritesFolder
from tlcp.errors import ConfigError
from tlcp.inspect.writing import replacing

NOBODY = "127.0.0.1:1"
NAME = "tongsuo-ecc-gcm"
PARTS = ("sign.crt", "sign.key", "enc.crt", "enc.key")
FOLDER_OF_ITS_OWN = "pki"  # what its commands write goes by names, and ``keep`` sees to those


Words = tuple[str | Path, ...]


def tlcp(*words: str | Path, **env: str) -> Result:
    return CliRunner().invoke(
        program, [str(word) for word in words], env={"LC_ALL": "C.UTF-8", **env}
    )


@pytest.fixture
def place(folder: Path, tmp_path: Path) -> Path:
    """A capture, a key log, a CA and a pair, and a list of revoked certificates, to be lost."""
    shutil.copy(CAPTURES / f"{NAME}.pcap", tmp_path / "a.pcap")
    shutil.copy(CAPTURES / f"{NAME}.keys", tmp_path / "a.keys")
    for name in (
        "ca.crt",
        "ca.key",
        *(f"{end}.{p}" for end in ("client", "server") for p in PARTS),
    ):
        if (folder / name).exists():
            shutil.copy(folder / name, tmp_path / name)
    (tmp_path / "secret").write_text("secret\n")
    (tmp_path / "ca.crl").write_text("-----BEGIN X509 CRL-----\n")
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "a.crl").write_text("-----BEGIN X509 CRL-----\n")
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def refused(place: Path, words: Words, why: str, **env: str) -> None:
    """It ends with exit code 2, says why, and every file is as it was."""
    before = contents(place)
    result = tlcp(*words, **env)
    assert result.exit_code == 2, result.output
    assert why in result.stderr
    assert "nothing was written" in result.stderr
    assert "Traceback" not in result.output
    assert contents(place) == before


# ---- inputs ----------------------------------------------------------------------------------

INSPECTED = {
    "FILE": "a.pcap",
    "--keylog": "a.keys",
    "--key": "server.enc.key",
    "--key-password-file": "secret",
    "--ca": "ca.crt",
}
FOUR = {
    "--sign-cert": "client.sign.crt",
    "--sign-key": "client.sign.key",
    "--enc-cert": "client.enc.crt",
    "--enc-key": "client.enc.key",
    "--ca": "ca.crt",
    "--key-password-file": "secret",
    "--crl": "ca.crl",
}
SERVED = {"--ticket-keys": "tickets", "--ocsp-response": "staple"}


def given(place: Path, named: dict[str, str]) -> list[str | Path]:
    words: list[str | Path] = []
    for option, name in named.items():
        words += [place / name] if not option.startswith("-") else [option, place / name]
    return words


@pytest.mark.parametrize("lost", INSPECTED.items(), ids=lambda one: one[0])
@pytest.mark.parametrize("output", ["--html", "--pcapng"])
@pytest.mark.parametrize("force", [(), ("--force",)], ids=["", "force"])
def test_inspect(place: Path, output: str, lost: tuple[str, str], force: tuple[str, ...]) -> None:
    option, name = lost
    words = ("inspect", *given(place, INSPECTED), output, place / name, *force)
    refused(place, words, f"is what is read as {option}, and would be lost")


@pytest.mark.parametrize("name", ["--keylog", "--key", "--key-password-file", "--ca"])
def test_capture(place: Path, name: str) -> None:
    inputs = {option: file for option, file in INSPECTED.items() if option != "FILE"}
    words = ("capture", "-i", "lo", *given(place, inputs), "-w", place / inputs[name], "--force")
    refused(place, words, f"is what is read as {name}, and would be lost")


@pytest.mark.parametrize("lost", FOUR.items(), ids=lambda one: one[0])
@pytest.mark.parametrize("output", ["--capture", "--trace-to", "--keylog"])
@pytest.mark.parametrize("verb", ["connect", "serve"])
def test_connect_and_serve(place: Path, verb: str, output: str, lost: tuple[str, str]) -> None:
    option, name = lost
    words = (verb, NOBODY, *given(place, FOUR), output, place / name, "--force")
    refused(place, words, f"is what is read as {option}, and would be lost")


@pytest.mark.parametrize("part", ["ca.crt", "ca.key", *(f"client.{part}" for part in PARTS)])
def test_a_pair_by_its_name(place: Path, part: str) -> None:
    (place / part).touch()
    words = ("connect", NOBODY, "--pki", place, "--name", "client", "--capture", place / part)
    refused(place, (*words, "--force"), "is what is read as --pki, and would be lost")


def test_other_inputs_of_connect_and_serve(place: Path) -> None:
    words: Words
    for option, name in SERVED.items():
        (place / name).touch()
        words = ("serve", NOBODY, option, place / name, "--capture", place / name, "--force")
        says = "is what --ticket-keys writes" if option == "--ticket-keys" else "is what is read as"
        refused(place, words, says)
    words = ("connect", NOBODY, "--bundle", place / "secret", "--capture", place / "secret")
    refused(place, (*words, "--force"), "is what is read as --bundle")
    words = ("connect", NOBODY, "--crl", place / "lists", "--keylog", place / "lists" / "a.crl")
    refused(place, (*words, "--force"), "is what is read as --crl")


def test_the_key_log_of_the_environment(place: Path) -> None:
    key = place / "client.sign.key"
    words = ("connect", NOBODY, "--pki", place, "--name", "client")
    refused(place, words, "is what is read as --pki", SSLKEYLOGFILE=str(key))


def test_what_stands_beside_a_recording(place: Path) -> None:
    (place / "a.json").write_bytes((place / "ca.crt").read_bytes())
    words = ("connect", NOBODY, "--ca", place / "a.json", "--capture", place / "a", "--force")
    refused(place, words, "is what is read as --ca")


@pytest.mark.parametrize("how", ["symbolic", "hard", "dots", "dangling"])
def test_other_names_of_a_file(place: Path, how: str) -> None:
    other, keys = place / "other", place / "a.keys"
    match how:
        case "symbolic":
            other.symlink_to(keys)
        case "hard":
            other.hardlink_to(keys)
        case "dots":
            other = place / "lists" / ".." / "a.keys"
        case _:
            keys.unlink()
            other.symlink_to(keys)
    words = ("inspect", place / "a.pcap", "--keylog", keys, "--html", other)
    refused(place, words, "is what is read as --keylog")


def test_it_is_said_in_chinese_too(place: Path) -> None:
    words = ("inspect", place / "a.pcap", "--lang", "zh", "--html")
    result = tlcp(*words, place / "a.pcap")
    assert "a.pcap 就是 FILE 要读取的文件，写入会毁掉它；什么也没有写" in result.stderr
    result = tlcp(*words, place / "ca.crt")
    assert "ca.crt 已存在，但不是页面：其中有 CERTIFICATE" in result.stderr
    assert "建议：请给 --html 换一个文件名；--force 可强行覆盖" in result.stderr


def test_standard_input_is_an_input(place: Path) -> None:
    before = contents(place)
    for output in ("--html", "--pcapng"):
        with open(place / "a.pcap", "rb") as stdin:
            done = subprocess.run(
                command("inspect", "-", output, place / "a.pcap", "--force"),
                stdin=stdin,
                capture_output=True,
                timeout=LIMIT_S,
                env=environment(),
                check=False,
            )
        assert done.returncode == 2
        assert b"is what is read as standard input" in done.stderr
    assert contents(place) == before


def test_standard_output_is_an_output(place: Path) -> None:
    with open(place / "out", "wb") as stdout:
        done = subprocess.run(
            command("inspect", place / "a.pcap", "--html", place / "out"),
            stdout=stdout,
            stderr=subprocess.PIPE,
            timeout=LIMIT_S,
            env=environment(),
            check=False,
        )
    assert done.returncode == 2
    assert b"is what standard output writes" in done.stderr


@pytest.mark.parametrize("option", ["--html", "--pcapng"])
def test_a_page_is_not_mixed_into_what_goes_through_a_pipe(place: Path, option: str) -> None:
    done = run("inspect", place / "a.pcap", option, "/dev/stdout")
    assert done.returncode == 2
    assert done.stdout == b""
    assert b"is what standard output writes, too, and they would be mixed" in done.stderr


# ---- the commands of the CA ------------------------------------------------------------------


def test_pki_key(place: Path) -> None:
    key = place / "client.sign.key"
    for lost, words in (
        (key, ()),
        (place / "secret", ("--new-password-file", place / "secret")),
    ):
        refused(
            place,
            ("pki", "key", key, "--to", "pkcs8", "--out", lost, *words, "--force"),
            "would be lost",
        )


def test_pki_ocsp(folder: Path, tmp_path: Path) -> None:
    words: Words
    ca = tmp_path / "ca"
    assert tlcp("pki", "init", ca).exit_code == 0
    assert tlcp("pki", "issue", ca, "server").exit_code == 0
    for name in ("ca.key", "ca.json", "ca.crt"):
        words = ("pki", "ocsp", ca, "server", "--out", ca / name, "--force")
        refused(ca, words, "is what is read as DIR")
    words = ("pki", "ocsp", ca, "--request", tmp_path / "r", "--out", tmp_path / "r", "--force")
    refused(ca, words, "is what is read as --request")


def test_pki_names_that_are_inputs(tmp_path: Path) -> None:
    words: Words
    ca = tmp_path / "ca"
    assert tlcp("pki", "init", ca).exit_code == 0
    assert tlcp("pki", "issue", ca, "server").exit_code == 0
    refused(ca, ("pki", "intermediate", ca, ca, "--force"), "would be lost")
    words = ("pki", "bundle", ca, "server", "--for", "tlcp", "--out", ca, "--force")
    refused(ca, words, "would be lost")
    shutil.copy(ca / "server.sign.key", ca / "x.csr")
    refused(ca, ("pki", "csr", ca, "x", "--key", ca / "x.csr", "--force"), "would be lost")
    assert tlcp("pki", "csr", tmp_path, "y").exit_code == 0
    shutil.copy(tmp_path / "y.csr", ca / "y.sign.crt")
    words = ("pki", "sign", ca, ca / "y.sign.crt", "--name", "y", "--force")
    refused(ca, words, "would be lost")


# ---- other outputs ---------------------------------------------------------------------------


@pytest.mark.parametrize("other", ["x", "X", "./x"])
def test_two_outputs_are_two_files(place: Path, other: str) -> None:
    words = ("inspect", place / "a.pcap", "--html", place / "x", "--pcapng", f"{place}/{other}")
    refused(place, words, "is what --pcapng writes, and only one would be left")


def test_two_outputs_that_are_there(place: Path) -> None:
    (place / "x").touch()
    (place / "y").hardlink_to(place / "x")
    words = ("inspect", place / "a.pcap", "--html", place / "x", "--pcapng", place / "y")
    refused(place, words, "is what --pcapng writes, and only one would be left")


def test_what_stands_beside_a_recording_is_an_output(place: Path) -> None:
    for option in ("--trace-to", "--keylog"):
        words = ("connect", NOBODY, "--pki", place, "--capture", place / "r", option)
        refused(place, (*words, place / "r.json"), "only one would be left")


def test_the_folder_of_the_data_is_its_own(place: Path) -> None:
    for output in (place / "d" / "page.html", place / "d"):
        words = ("inspect", place / "a.pcap", "--export-data", place / "d", "--html", output)
        refused(place, words, "which must be its own")


def test_a_device_may_take_everything(place: Path) -> None:
    null = Path(os.devnull)
    words = ("inspect", place / "a.pcap", "--html", null, "--pcapng", null)
    assert tlcp(*words, "--keylog", place / "a.keys").exit_code == 0
    assert null.is_char_device()


# ---- what is there ---------------------------------------------------------------------------

FOREIGN = {
    "a private key": (b"-----BEGIN PRIVATE KEY-----\nAA==\n", "it holds a PRIVATE KEY"),
    "a certificate behind a text": (
        b"Bag Attributes\n-----BEGIN CERTIFICATE-----\n",
        "it holds a CERTIFICATE",
    ),
    "der": (b"\x30\x82\x01\x00", "it looks like a certificate or a key in DER"),
    "a text": (b"dear diary\n", "it holds something else"),
}
OUTPUTS = {
    "--html": ("inspect", "a.pcap"),
    "--pcapng": ("inspect", "a.pcap"),
    "-w": ("capture", "-i", "lo"),
    "--capture": ("connect", NOBODY),
    "--trace-to": ("connect", NOBODY),
    "--keylog": ("serve", NOBODY),
}


def words_of(place: Path, option: str, target: Path) -> Words:
    return (*(place / w if w == "a.pcap" else w for w in OUTPUTS[option]), option, target)


@pytest.mark.parametrize("what", FOREIGN)
@pytest.mark.parametrize("option", OUTPUTS)
def test_a_file_of_another_kind_is_left_alone(place: Path, option: str, what: str) -> None:
    data, looks = FOREIGN[what]
    (place / "x").write_bytes(data)
    refused(place, words_of(place, option, place / "x"), looks)


@pytest.mark.parametrize("end", ["txt", "json", "html"])
def test_a_file_of_another_kind_beside_a_recording(place: Path, end: str) -> None:
    (place / f"x.{end}").write_text("{}")
    refused(place, words_of(place, "--capture", place / "x"), "it holds something else")


def test_kinds_are_told_apart(place: Path) -> None:
    refused(place, words_of(place, "--html", place / "a.keys"), "it looks like a key log")
    shutil.copy(place / "a.pcap", place / "b.pcap")
    refused(place, words_of(place, "--html", place / "b.pcap"), "it looks like a capture")
    refused(place, words_of(place, "--keylog", place / "b.pcap"), "it looks like a capture")
    refused(place, words_of(place, "--capture", place / "a.keys"), "it looks like a key log")


def test_force_and_what_is_of_its_kind_are_written_over(place: Path) -> None:
    x, y = place / "x.html", place / "y.pcapng"
    words = ("inspect", place / "a.pcap", "--keylog", place / "a.keys", "--html", x, "--pcapng", y)
    for before in (b"", b"dear diary\n"):
        x.write_bytes(before)
        y.write_bytes(before)
        for force in ("", "--force") if not before else ("--force",):
            assert tlcp(*words, *force.split()).exit_code == 0
            assert x.read_bytes().startswith(b"<!DOCTYPE html>")
            assert y.read_bytes().startswith(b"\x0a\x0d\x0d\x0a")


def test_what_was_written_may_be_written_over(folder: Path, tmp_path: Path) -> None:
    file, log, trace = tmp_path / "r", tmp_path / "k", tmp_path / "t"
    words = ("--pki", folder, "--capture", file, "--keylog", log, "--trace-to", trace)
    log.write_bytes((CAPTURES / f"{NAME}.keys").read_bytes())
    for lang in ("C.UTF-8", "zh_CN.UTF-8", "C.UTF-8"):
        done = run("connect", NOBODY, *words, LC_ALL=lang)
        assert done.returncode == 3, done.stderr  # nobody is there
        assert file.with_name("r.html").exists()
        assert trace.stat().st_size


def test_demo_leaves_the_files_of_others_alone(place: Path) -> None:
    refused(place, ("demo", "--out", place), "is there and is no CA of a demo")
    (place / "ca.crt").unlink()
    (place / "demo.pcapng.html").write_text("dear diary")
    refused(place, ("demo", "--out", place), "is there and is no page")


# ---- whole or not at all ---------------------------------------------------------------------


def test_a_failure_leaves_the_file_that_was_there(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(place / "a.pcap", place / "x")

    def full(_: object, out: object, *__: object) -> int:
        out.write(b"half")  # type: ignore[attr-defined]
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pcapng, "add_secrets", full)
    before = contents(place)
    result = tlcp("inspect", place / "a.pcap", "--pcapng", place / "x")
    assert result.exit_code != 0
    assert "No space left on device" in result.stderr
    assert contents(place) == before


def test_replacing(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    with replacing(file) as out:
        out.write(b"one")
        assert not file.exists()
    assert file.read_bytes() == b"one"
    assert file.stat().st_mode & 0o777 == 0o600
    link.symlink_to(file)
    with pytest.raises(ConfigError, match="is a symbolic link"), replacing(link):
        pass
    assert list(tmp_path.iterdir()) in ([file, link], [link, file])


# ---- all of them -----------------------------------------------------------------------------


def every(group: click.Group, above: str = "") -> Iterator[tuple[str, click.Command]]:
    for name, one in group.commands.items():
        if isinstance(one, click.Group):
            yield from every(one, f"{above}{name} ")
        else:
            yield f"{above}{name}", one


def test_every_path_says_what_becomes_of_it() -> None:
    undeclared, unchecked = set(), set()
    for name, one in every(program):
        kinds = [parameter.type for parameter in one.params]
        for kind in kinds:
            if isinstance(kind, click.Path | click.File) and not isinstance(
                kind, Reads | ReadsFolder | Writes | WritesFolder
            ):
                undeclared.add(name.split()[0])
        if any(isinstance(kind, Writes | WritesFolder) for kind in kinds):
            unchecked |= {name} if not isinstance(one, Command) else set()
    assert undeclared == {FOLDER_OF_ITS_OWN}
    assert not unchecked
    assert len(list(itertools.islice(every(program), 20))) > 10
