"""Both ends with asyncio: python examples/asyncio_streams.py pki."""

# docs: begin
import asyncio
import ssl
import sys
from pathlib import Path

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


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send each line back with the client's name."""
    pair = writer.get_extra_info("ssl_object").peer_certificates
    name = pair.sign.subject.rfc4514_string()
    while line := await reader.readline():
        writer.write(f"{name}: ".encode() + line)
        await writer.drain()
    writer.close()


async def talk(pki: Path) -> str:
    """Start a server, connect to it, and exchange a line."""
    server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=server_context(pki))
    async with server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("localhost", port, ssl=client_context(pki))
        writer.write(b"hello\n")
        answer = await reader.readline()
        writer.close()
        await writer.wait_closed()
        return answer.decode()


# docs: end
if __name__ == "__main__":
    print(asyncio.run(talk(Path(sys.argv[1]))), end="")
