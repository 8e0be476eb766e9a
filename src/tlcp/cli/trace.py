"""What ``--trace`` and ``--trace-to`` do with the messages of one connection."""

from __future__ import annotations

from collections.abc import Mapping

from tlcp.cli.output import JsonLines, Printer
from tlcp.events import TracedMessage
from tlcp.explain.narrator import Narrator
from tlcp.registry import ContentType, HandshakeType

__all__ = ["Trace"]

_EMPTY_TICKET_BYTES = 4 + 4 + 2  # header, lifetime, length of nothing


class Trace:
    """To be given as ``Config.trace`` of one connection.

    Args:
        printer: where to print the messages, None = do not.
        log: where to write them as JSON, None = do not.
        connection: its number in the log.
        label: what to print before every line.

    Attributes:
        asked_for_client: whether a CertificateRequest went by.
        ticket_came: whether a NewSessionTicket did that holds one.
    """

    def __init__(
        self, printer: Printer | None, log: JsonLines | None, connection: int = 1, label: str = ""
    ) -> None:
        self._printer, self._log = printer, log
        self._label = label
        self.begin(connection)

    def begin(self, connection: int) -> None:
        """A new connection, of this number in the log."""
        self._connection, self._narrator = connection, Narrator()
        self.asked_for_client = self.ticket_came = False

    def __call__(self, message: TracedMessage) -> None:
        """Take the next message."""
        if message.content_type == ContentType.HANDSHAKE and message.data:
            kind = message.data[0]
            self.asked_for_client |= kind == HandshakeType.CERTIFICATE_REQUEST
            ticket = kind == HandshakeType.NEW_SESSION_TICKET
            self.ticket_came |= ticket and len(message.data) > _EMPTY_TICKET_BYTES
        if self._printer is None and self._log is None:
            return
        told = self._narrator.tell(message)
        if self._printer is not None:
            self._printer.tell(told, self._label)
        if self._log is not None:
            self.note("message", told.as_dict())

    def note(self, event: str, facts: Mapping[str, object]) -> None:
        """Write something else into the log."""
        if self._log is not None:
            self._log.write({"event": event, "connection": self._connection, **facts})
