"""The engine alone, no sockets: python examples/sans_io.py pki."""

# docs: begin
import sys
from pathlib import Path

from tlcp.config import Config
from tlcp.connection import Connection
from tlcp.events import DataReceived, HandshakeCompleted, PeerClosed
from tlcp.x509.identity import Identity
from tlcp.x509.trust import TrustStore


def settings(pki: Path, name: str) -> Config:
    """One side's certificates and keys, and the CA that it trusts."""
    identity = Identity.load(
        sign_cert=pki / f"{name}.sign.crt",
        sign_key=pki / f"{name}.sign.key",
        enc_cert=pki / f"{name}.enc.crt",
        enc_key=pki / f"{name}.enc.key",
    )
    return Config(identity=identity, trust=TrustStore.from_pem_file(pki / "ca.crt"))


def work(end: Connection, say: bytes = b"") -> bytes:
    """Take every event of one end; answers data, and returns what was received."""
    received = b""
    while (event := end.next_event()) is not None:  # raises a TLCPError if the peer misbehaves
        match event:
            case HandshakeCompleted():
                print(f"{end.role}: {event.suite.name}")
                if say:
                    end.send_data(say)
            case DataReceived():
                received += event.data
            case PeerClosed():
                end.close()
    return received


def talk(pki: Path) -> bytes:
    """Run both ends in memory: what one wants to send, the other receives."""
    client = Connection.client(settings(pki, "client"), server_name="localhost")
    server = Connection.server(settings(pki, "server"))
    received = b""
    while to_server := client.data_to_send():
        server.receive_data(to_server)  # your transport's bytes go in here
        received += work(server)
        client.receive_data(server.data_to_send())  # and its own come out there
        work(client, say=b"hello")
    return received


# docs: end
if __name__ == "__main__":
    print(talk(Path(sys.argv[1])).decode())
