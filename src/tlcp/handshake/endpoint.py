"""What the client's and the server's flow share: sending, keys, ChangeCipherSpec and Finished.

Spec: GB/T 38636-2020 6.4.3, 6.4.5.10, 6.5
"""

from __future__ import annotations

import hmac
from typing import ClassVar, Protocol

from tlcp.config import Config
from tlcp.errors import DecryptError
from tlcp.handshake.flow import Step, expect
from tlcp.handshake.kx import HelloContext
from tlcp.handshake.schedule import KeySchedule, master_secret
from tlcp.handshake.transcript import Transcript
from tlcp.quirks import Quirk
from tlcp.record.protect import Protection
from tlcp.sessions.session import SessionStore
from tlcp.suites import CipherSuite
from tlcp.wire.messages import ChangeCipherSpec, Finished, Handshake
from tlcp.x509.pair import VerifiedPair

__all__ = ["Channel", "Endpoint", "FinishingOps", "finish_peer"]


class Channel(Protocol):
    """Where a flow's output goes; ``Connection`` is one."""

    def send_handshake(self, raw: bytes) -> None:
        """Send one handshake message, in a record of its own."""

    def send_change_cipher_spec(self) -> None:
        """Send a ChangeCipherSpec under the keys in use."""

    def protect_writes(self, protection: Protection) -> None:
        """Use new keys for all that is sent from now on."""

    def protect_reads(self, protection: Protection) -> None:
        """Use new keys for all that comes from now on."""

    def limit_plaintext(self, size: int) -> None:
        """Put no more than so many bytes into a record."""

    def session_kept(self, store: SessionStore, session_id: bytes) -> None:
        """Note where the session is, to end it if the connection fails."""


class FinishingOps(Protocol):
    """What ``finish_peer`` needs done."""

    def open_reads(self, keys: KeySchedule) -> None:
        """Switch to the peer's new keys."""

    def transcript_hash(self) -> bytes:
        """Hash of the handshake so far."""

    def check_finished(self, keys: KeySchedule, message: Finished, before: bytes) -> None:
        """Verify the peer's Finished."""

    def send_finished(self, keys: KeySchedule) -> bytes:
        """Send ChangeCipherSpec and Finished; returns its verify_data."""


def finish_peer(ops: FinishingOps, keys: KeySchedule) -> Step[bytes]:
    """The peer's ChangeCipherSpec and Finished; returns its verify_data.

    Spec: GB/T 38636-2020 6.4.3, 6.4.5.10
    """
    yield from expect(ChangeCipherSpec)
    ops.open_reads(keys)
    before = ops.transcript_hash()
    finished = yield from expect(Finished)
    ops.check_finished(keys, finished, before)
    return finished.verify_data


class Endpoint:
    """One side of a handshake: the work that a flow orders.

    Args:
        config: settings.
        channel: takes what is sent.
    """

    role: ClassVar[str]
    peer_role: ClassVar[str]

    def __init__(self, config: Config, channel: Channel) -> None:
        self.config, self.channel = config, channel
        self.transcript = Transcript()
        self.quirks = list[Quirk]()

    def hello_random(self) -> bytes:
        """32 bytes: the time in seconds (4) and 28 random ones; nobody checks the time.

        Spec: GB/T 38636-2020 6.4.5.2.1
        """
        seconds = int(self.config.now().timestamp()) & 0xFFFFFFFF
        return seconds.to_bytes(4, "big") + self.config.random(28)

    def send(self, message: Handshake) -> None:
        """Send one message and note it in the transcript."""
        raw = message.encode()
        self.transcript.add(raw)
        self.channel.send_handshake(raw)

    def derive_keys(
        self, suite: CipherSuite, hello: HelloContext, pre_master: bytes
    ) -> KeySchedule:
        """The keys of both directions.  Spec: GB/T 38636-2020 6.5."""
        master = master_secret(pre_master, hello.client_random, hello.server_random, suite.hash)
        return self.schedule(suite, hello, master)

    def schedule(self, suite: CipherSuite, hello: HelloContext, master: bytes) -> KeySchedule:
        """The keys of both directions under a master secret, an old one in a resumed handshake.

        Spec: GB/T 38636-2020 6.5.2
        """
        keys = KeySchedule(
            suite,
            master,
            client_random=hello.client_random,
            server_random=hello.server_random,
        )
        if self.config.keylog is not None:
            self.config.keylog(keys.dangerous_key_log_line())
        return keys

    def note_certificates(self, pair: VerifiedPair, sent: tuple[bytes, ...]) -> None:
        """See what the peer's list tells of its stack."""
        if pair.enc is not None and len(sent) > 2 and sent[1] != pair.enc.der:
            self.quirks.append(Quirk.ENC_LAST)
        if any(certificate.self_issued for certificate in pair.intermediates):
            self.quirks.append(Quirk.ROOT_SENT)

    def transcript_hash(self) -> bytes:
        """The suite's hash over the handshake so far."""
        return self.transcript.digest()

    def open_reads(self, keys: KeySchedule) -> None:
        """Switch reading to the peer's new keys."""
        self.channel.protect_reads(keys.protection(self.peer_role, self.config.random))

    def send_finished(self, keys: KeySchedule) -> bytes:
        """ChangeCipherSpec, then Finished under the new keys; returns its verify_data."""
        self.channel.send_change_cipher_spec()
        self.channel.protect_writes(keys.protection(self.role, self.config.random))
        verify_data = keys.verify_data(self.role, self.transcript_hash())
        self.send(Finished(verify_data))
        return verify_data

    def check_finished(self, keys: KeySchedule, message: Finished, before: bytes) -> None:
        """Compare the peer's Finished with ours.

        Args:
            keys: the connection's keys.
            message: the peer's Finished.
            before: hash of the handshake up to that message.

        Raises:
            DecryptError: it differs.

        Spec: GB/T 38636-2020 6.4.5.10
        """
        wanted = keys.verify_data(self.peer_role, before)
        if not hmac.compare_digest(message.verify_data, wanted):
            raise DecryptError(
                f"the {self.peer_role}'s Finished does not match the handshake seen here",
                expected="the PRF over the same master secret and the same messages",
                hint="Something changed a message on the way, or an implementation differs",
            )
