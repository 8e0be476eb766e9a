"""Both ends of a WebSocket with websockets: python examples/websockets_both.py pki."""

# docs: begin
import asyncio
import ssl
import sys
from pathlib import Path

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

import tlcp


def client_context(pki: Path) -> tlcp.TLCPContext:
    """Trust the CA, and show the client's pair."""
    context = tlcp.create_default_context(cafile=pki / "ca.crt")
    context.load_cert_chain(
        sign=(pki / "client.sign.crt", pki / "client.sign.key"),
        enc=(pki / "client.enc.crt", pki / "client.enc.key"),
    )
    return context


def server_context(pki: Path) -> tlcp.TLCPContext:
    """Show the server's pair, and verify clients."""
    context = tlcp.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=pki / "ca.crt")
    context.load_cert_chain(
        sign=(pki / "server.sign.crt", pki / "server.sign.key"),
        enc=(pki / "server.enc.crt", pki / "server.enc.key"),
    )
    context.verify_mode = ssl.CERT_REQUIRED  # no client without a certificate
    return context


async def echo(connection: ServerConnection) -> None:
    """Send each message back with the client's name."""
    pair = connection.transport.get_extra_info("ssl_object").peer_certificates
    name = pair.sign.subject.rfc4514_string()
    async for message in connection:
        await connection.send(f"{name}: {message!s}")


async def talk(pki: Path) -> str:
    """Start a server, connect to it, and exchange a message."""
    async with serve(echo, "127.0.0.1", 0, ssl=server_context(pki)) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with connect(f"wss://localhost:{port}/", ssl=client_context(pki)) as connection:
            await connection.send("hello")
            return str(await connection.recv())


# docs: end
if __name__ == "__main__":
    print(asyncio.run(talk(Path(sys.argv[1]))))
