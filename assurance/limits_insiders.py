"""Hostile clients with a pair that the server believes: they get through the handshake."""

from __future__ import annotations

from typing import ClassVar, Final

from assurance.limits_enemy import Enemy, Guest

__all__ = ["INSIDERS"]

_DRIP_S: Final = 1.0
_RECORD: Final = bytes(1 << 14)


class _Deaf(Guest):
    """Sends without end, and never reads what is echoed."""

    WINDOW_BYTES: ClassVar[int] = 4096

    def welcome(self) -> None:
        self.transport.pause_reading()
        self._more()

    def _more(self) -> None:
        self._full = False
        while not self._full and not self.transport.is_closing():
            self.end.send_data(_RECORD)
            self.send(self.end.data_to_send())

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        if self.end.handshake_completed:
            self._more()


class _Flooder(Guest):
    """A full handshake after the other, each of which leaves a session with the server."""

    def welcome(self) -> None:
        self.leave()


class _Idler(Guest):
    """Not a byte after the handshake."""


class _Dripper(Guest):
    """The longest record of data, a byte a second."""

    def welcome(self) -> None:
        self.end.send_data(_RECORD)
        self.drip(self.end.data_to_send(), _DRIP_S)


INSIDERS: Final[tuple[type[Enemy], ...]] = (_Deaf, _Flooder, _Idler, _Dripper)
