"""``tlcp pki lint``: words, JSON and exit codes; the rules themselves are in tests/unit/pki."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tlcp.cli.app import program
from tlcp.pki.ca import CertificateAuthority
from tlcp.pki.stacks import stack_names

CA = CertificateAuthority.create()
PAIR = CA.issue_pair("server", ["localhost"])


def lint(*words: str | Path, code: int = 0) -> Result:
    result = CliRunner().invoke(program, ["pki", "lint", *map(str, words)])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def pair(tmp_path: Path) -> list[Path]:
    CA.save(tmp_path)
    PAIR.save(tmp_path, "server")
    return sorted(tmp_path.glob("server.*"))  # as a shell gives them: encryption first


def test_a_good_pair_in_the_order_of_a_shell(pair: list[Path], tmp_path: Path) -> None:
    said = lint(*pair, "--ca", tmp_path / "ca.crt", "--lang", "en").stdout
    assert f"signing     {tmp_path}/server.sign.crt" in said
    assert said.count("takes it") == len(stack_names())
    assert "error" not in said
    chinese = lint(*pair, "--lang", "zh").stdout
    assert chinese.count("接受") >= len(stack_names())
    assert "签名证书" in chinese


def test_swapped_files_are_told_in_both_languages(pair: list[Path], tmp_path: Path) -> None:
    sign, enc = tmp_path / "server.sign.crt", tmp_path / "server.enc.crt"
    said = lint(enc, sign, "--lang", "en").stdout  # the names say which is which
    assert "takes it" in said
    swapped = [tmp_path / "a.pem", tmp_path / "b.pem"]
    swapped[0].write_bytes(enc.read_bytes())
    swapped[1].write_bytes(sign.read_bytes())
    said = lint(*swapped, "--lang", "en", code=1).stdout
    assert "error: the two certificates are swapped" in said
    assert "→ exchange the two certificates" in said
    assert said.count("refuses: swapped-certificates") == len(stack_names())
    assert "放反了" in lint(*swapped, "--lang", "zh", code=1).stdout


def test_only_the_stacks_asked_for_decide(pair: list[Path], tmp_path: Path) -> None:
    lists = tmp_path / "list.pem"
    lists.write_bytes(
        (tmp_path / "server.sign.crt").read_bytes() + (tmp_path / "ca.crt").read_bytes()
    )
    files = (lists, tmp_path / "server.enc.crt")
    assert "root-in-list" in lint(*files, "--for", "gmssl", "--lang", "en", code=1).stdout
    assert "root-in-list" not in lint(*files, "--for", "tongsuo", "--for", "kona").stdout


def test_json(pair: list[Path], tmp_path: Path) -> None:
    facts = json.loads(lint(*pair, "--json", "--ca", tmp_path / "ca.crt").stdout)
    assert facts["ok"] is True
    assert set(facts["stacks"]) == set(stack_names())
    assert facts["stacks"]["gmssl"]["accepts"] is True
    assert facts["sign"]["file"].endswith("server.sign.crt")
    alone = json.loads(lint(tmp_path / "server.sign.crt", "--json", code=1).stdout)
    assert alone["ok"] is False
    assert alone["enc"] is None
    (error,) = [one for one in alone["findings"] if one["severity"] == "error"]
    assert error["rule"] == "single-certificate"
    assert error["what"]
    assert error["remedy"]


def test_what_cannot_be_looked_at(tmp_path: Path) -> None:
    assert "cannot read" in lint(tmp_path / "no", code=2).output
    (tmp_path / "junk").write_bytes(b"junk")
    assert "holds nothing that is known" in lint(tmp_path / "junk", code=2).output
    assert "Example:" in lint("--help").output
    zh = ("--lang", "zh")
    said = lint(tmp_path / "no", *zh, code=2).output
    assert said == f"tlcp: 无法读取 {tmp_path / 'no'}：没有这个文件或目录\n"
    assert "文件中没有可识别的内容" in lint(tmp_path / "junk", *zh, code=2).output
    shown = CliRunner().invoke(program, ["pki", "show", str(tmp_path / "no"), *zh])
    assert (shown.exit_code, shown.output) == (2, said)
