"""Private keys that never leave their process: python examples/remote_key.py pki."""

# docs: begin
import json
import socket
import threading
from pathlib import Path
from typing import IO, Any

import tlcp
from tlcp.crypto.keyfile import load_private_key


def keep_keys(path: Path, keys: dict[str, Path]) -> None:
    """The process that has the keys: answers at a Unix socket, a line of JSON for each."""
    private = {name: load_private_key(file.read_bytes()) for name, file in keys.items()}

    def answer(lines: IO[bytes]) -> None:
        agreement = None  # each key exchange has a connection of its own
        with lines:
            while line := lines.readline():
                asked = json.loads(line)
                key, data = private[asked["key"]], bytes.fromhex(asked["data"])
                try:
                    if asked["call"] == "public_point":
                        result = key.public_point
                    elif asked["call"] == "sign":
                        result = key.sign(data)
                    elif asked["call"] == "decrypt":
                        result = key.decrypt(data)
                    elif agreement is None:
                        agreement = key.begin_key_exchange()
                        result = agreement.ephemeral_point
                    else:
                        result = agreement.derive(
                            peer_point=data[:65],
                            peer_ephemeral_point=data[65:],
                            initiator=asked["initiator"],
                        )
                    reply = {"result": result.hex()}
                except ValueError as error:  # the peer's ciphertext or point is no good
                    reply = {"error": str(error)}
                lines.write(json.dumps(reply).encode() + b"\n")

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))  # in a directory of mode 0700: who comes in may use the keys
        listener.listen()
        print("ready", flush=True)
        while True:
            stream, _ = listener.accept()
            with stream:
                lines = stream.makefile("rwb", buffering=0)
            threading.Thread(target=answer, args=(lines,), daemon=True).start()


class RemoteKey:
    """A private key in another process; has the methods of tlcp.crypto.keys.PrivateKey."""

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path, name
        self.public_point = self._call("public_point")

    def sign(self, message: bytes) -> bytes:
        """Sign with SM2-SM3."""
        return self._call("sign", message)

    def decrypt(self, ciphertext: bytes) -> bytes:
        """Decrypt; a ValueError says that the ciphertext is no good."""
        return self._call("decrypt", ciphertext)

    def begin_key_exchange(self) -> "RemoteAgreement":
        """Start a key exchange; only the ECDHE suites do."""
        return RemoteAgreement(self)

    def connect(self) -> IO[bytes]:
        """A connection of its own for each call, so that threads need not wait for each other."""
        with socket.socket(socket.AF_UNIX) as stream:
            stream.settimeout(5)  # an OSError ends the handshake, and says which key it was
            stream.connect(str(self._path))
            return stream.makefile("rwb", buffering=0)

    def _call(self, call: str, data: bytes = b"") -> bytes:
        with self.connect() as lines:
            return self.ask(lines, call, data)

    def ask(self, lines: IO[bytes], call: str, data: bytes = b"", **more: Any) -> bytes:
        """Send a line, and read one."""
        asked = {"key": self._name, "call": call, "data": data.hex(), **more}
        lines.write(json.dumps(asked).encode() + b"\n")
        if not (line := lines.readline()):
            raise ConnectionResetError("the process with the keys hung up")
        reply = json.loads(line)
        if "error" in reply:
            raise ValueError(reply["error"])
        return bytes.fromhex(reply["result"])


class RemoteAgreement:
    """One key exchange of the ECDHE suites; its ephemeral key stays there, too."""

    def __init__(self, key: RemoteKey) -> None:
        self._key, self._lines = key, key.connect()
        self.ephemeral_point = key.ask(self._lines, "begin")

    def derive(self, *, peer_point: bytes, peer_ephemeral_point: bytes, initiator: bool) -> bytes:
        """Agree on the pre-master secret."""
        with self._lines as lines:
            points = peer_point + peer_ephemeral_point
            return self._key.ask(lines, "derive", points, initiator=initiator)


def context_with(pki: Path, keys: Path, purpose: Any, name: str) -> tlcp.TLCPContext:
    """Certificates from files, keys from the other process."""
    context = tlcp.create_default_context(purpose, cafile=pki / "ca.crt")
    context.load_cert_chain(
        sign=(pki / f"{name}.sign.crt", RemoteKey(keys, f"{name}.sign")),
        enc=(pki / f"{name}.enc.crt", RemoteKey(keys, f"{name}.enc")),
    )
    return context


# docs: end
def main(pki: Path) -> None:
    """Start the process with the keys, then greet over each kind of suite, mutually."""
    import ssl
    import subprocess
    import sys
    import tempfile

    with tempfile.TemporaryDirectory() as directory:  # mode 0700
        path = Path(directory) / "keys"
        command = [sys.executable, __file__, str(pki), str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: S603
            try:
                if process.stdout is not None and process.stdout.readline() == b"ready\n":
                    for suite in ("ECC_SM4_GCM_SM3", "ECDHE_SM4_GCM_SM3"):
                        server = context_with(pki, path, ssl.Purpose.CLIENT_AUTH, "server")
                        server.verify_mode = ssl.CERT_REQUIRED
                        client = context_with(pki, path, ssl.Purpose.SERVER_AUTH, "client")
                        client.set_ciphers(suite)
                        print(greet(server, client))
            finally:
                process.terminate()


def greet(server: tlcp.TLCPContext, client: tlcp.TLCPContext) -> str:
    """A handshake between two threads; what the client hears."""

    def serve() -> None:
        stream, _ = listener.accept()
        with stream:
            name = stream.peer_certificates.sign.subject.rfc4514_string()
            stream.sendall(f"{stream.cipher()[0]}: hello {name}".encode())

    plain = socket.create_server(("127.0.0.1", 0))
    with server.wrap_socket(plain, server_side=True) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        address = ("localhost", listener.getsockname()[1])
        with tlcp.create_connection(address, client, timeout=10) as stream:
            heard: str = stream.recv().decode()
        thread.join(10)
    return heard


if __name__ == "__main__":
    import sys

    if len(sys.argv) == 2:
        main(Path(sys.argv[1]))
    else:
        names = ("server.sign", "server.enc", "client.sign", "client.enc")
        keep_keys(Path(sys.argv[2]), {n: Path(sys.argv[1]) / f"{n}.key" for n in names})
