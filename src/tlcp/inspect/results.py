"""What is left beside a recording of our own ends: the report as text, as JSON, and as a page."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

from tlcp.inspect.captures import open_capture
from tlcp.inspect.conversation import Conversation, Segment
from tlcp.inspect.model import Ending
from tlcp.inspect.packets import Decoder
from tlcp.inspect.report import ConnectionReport, Examiner
from tlcp.inspect.secrets import Secrets
from tlcp.inspect.steps import Lang
from tlcp.inspect.streams import Assembler
from tlcp.inspect.text import lines
from tlcp.inspect.writing import create_private
from tlcp.x509.trust import TrustStore

__all__ = ["reports", "write_results"]

_ENDINGS: dict[str, Ending] = {"closed": "fin", "reset": "reset"}


def reports(
    capture: Path, trust: TrustStore | None = None, host: str | None = None
) -> Iterator[ConnectionReport]:
    """The TLCP connections of a capture that holds its keys, in the order of their ends.

    Args:
        capture: the file.
        trust: the CAs; None = chains are not checked.
        host: the name that the server must have.

    Raises:
        CaptureError: the file is damaged; what comes before has been given.
        OSError: it cannot be read.
    """
    secrets, decoder = Secrets(), Decoder()
    examiners: dict[int, Examiner] = {}
    done: list[ConnectionReport] = []

    def begin(conversation: Conversation) -> None:
        client, server = map(str, conversation.endpoints)
        name = str(conversation.number + 1)
        examiners[conversation.number] = Examiner(secrets, name=name, client=client, server=server)

    def feed(conversation: Conversation, segment: Segment) -> None:
        examiners[conversation.number].feed(segment)

    def end(conversation: Conversation) -> None:
        if (examiner := examiners.pop(conversation.number, None)) is None:
            return
        how = _ENDINGS.get(conversation.ending, "unknown")
        report = examiner.finish(trust=trust, host=host, client_end=how, server_end=how)
        if report.dissection.is_tlcp:
            done.append(report)

    assembler, logs = Assembler(begin, feed, end), 0
    with open_capture(capture) as packets:
        for packet in packets:
            for log in packets.secrets[logs:]:
                secrets.add_key_log(log.decode("latin-1"))
                logs += 1
            if (segment := decoder.decode(packet)) is not None:
                assembler.feed(segment)
            while done:
                yield done.pop(0)
    assembler.finish()
    yield from done


def write_results(
    capture: Path, trust: TrustStore | None = None, host: str | None = None, lang: Lang = "en"
) -> list[Path]:
    """Write FILE.txt, FILE.json and FILE.html beside a capture, for its owner alone.

    The page has the keys, as the capture has; text and JSON have the data, and no keys.

    Args:
        capture: a recording, with its keys.
        trust: the CAs; None = chains are not checked.
        host: the name that the server must have.
        lang: of the text, and of the page at first.

    Returns:
        The files.

    Raises:
        ConfigError: one cannot be written.
        CaptureError: the capture is damaged.
        OSError: reading or writing failed.
    """
    text, document = (capture.with_name(capture.name + end) for end in (".txt", ".json"))
    count = 0
    with (
        io.BufferedWriter(create_private(text)) as told,
        io.BufferedWriter(create_private(document)) as data,
    ):
        for report in reports(capture, trust, host):
            blank = "\n" if count else ""
            told.write((blank + "\n".join(lines(report, lang)) + "\n").encode())
            one = json.dumps(report.as_dict(), ensure_ascii=True)
            data.write(((",\n" if count else "[\n") + one).encode())
            count += 1
        if not count:
            told.write(_NOTHING[lang].encode())
        data.write(b"\n]\n" if count else b"[]\n")
    return [text, document]


_NOTHING: dict[Lang, str] = {
    "en": "No byte of TLCP was sent or received.\n",
    "zh": "没有收发任何 TLCP 数据。\n",
}
