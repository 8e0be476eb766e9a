"""``TLCPContext.recorder``: an onlooker that gets the bytes of every connection, and the keys."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tlcp.config import Config
    from tlcp.events import Recorder, Tap

__all__ = ["RecorderSetting", "tapped"]


class RecorderSetting:
    """The part of ``TLCPContext`` that has connections recorded."""

    _recorder: Recorder | None
    _ready: Config | None

    @property
    def recorder(self) -> Recorder | None:
        """What records the connections that begin from now on, None = nothing does.

        ``tlcp.inspect.Recording`` writes a capture that Wireshark and ``tlcp inspect`` read. It
        gets the keys, too: whoever has the file can read everything. Where an ``sni_callback``
        chooses another context, that one needs the recorder, too.
        """
        return self._recorder

    @recorder.setter
    def recorder(self, recorder: Recorder | None) -> None:
        self._recorder, self._ready = recorder, None

    def _recorded(self, config: Config) -> Config:
        """The settings with a key log that the recorder hears, too."""
        if self._recorder is None:
            return config
        hears = self._recorder.keylog
        return replace(config, keylog=hears if config.keylog is None else _both(config, hears))


def _both(config: Config, hears: Callable[[str], None]) -> Callable[[str], None]:
    def log(line: str) -> None:
        hears(line)
        if config.keylog is not None:
            config.keylog(line)

    return log


def tapped(
    incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, recorder: Recorder, *, server_side: bool
) -> tuple[Any, Any]:
    """The BIOs of a connection that is recorded; its addresses are not known."""
    tap = recorder.begin(server_side=server_side)
    return _Incoming(incoming, tap), _Outgoing(outgoing, tap)


class _Incoming:
    """A ``MemoryBIO`` that tells what is read from it."""

    def __init__(self, bio: ssl.MemoryBIO, tap: Tap) -> None:
        self._bio, self._tap = bio, tap
        self._ended = False

    def read(self, size: int = -1) -> bytes:
        data = self._bio.read(size)
        if data:
            self._tap.received(data)
        return data

    @property
    def eof(self) -> bool:
        if self._bio.eof and not self._ended:
            self._ended = True
            self._tap.received(b"")
        return self._bio.eof

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bio, name)


class _Outgoing:
    """A ``MemoryBIO`` that tells what is written to it."""

    def __init__(self, bio: ssl.MemoryBIO, tap: Tap) -> None:
        self._bio, self._tap = bio, tap

    def write(self, data: Any) -> int:
        self._tap.sent(bytes(data))
        return self._bio.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bio, name)
