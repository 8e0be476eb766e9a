"""A request with aiohttp: python examples/aiohttp_client.py pki https://localhost:8443/."""

# docs: begin
import asyncio
import sys
from pathlib import Path

import aiohttp

import tlcp


async def get(pki: Path, url: str) -> str:
    """Fetch a page with mutual authentication."""
    context = tlcp.create_default_context(cafile=pki / "ca.crt")
    context.load_cert_chain(
        sign=(pki / "client.sign.crt", pki / "client.sign.key"),
        enc=(pki / "client.enc.crt", pki / "client.enc.key"),
    )
    # for all requests of the session; session.get(url, ssl=context) is for a single one
    connector = aiohttp.TCPConnector(ssl=context)
    async with aiohttp.ClientSession(connector=connector) as session, session.get(url) as response:
        response.raise_for_status()
        return await response.text()


# docs: end
if __name__ == "__main__":
    print(asyncio.run(get(Path(sys.argv[1]), sys.argv[2])))
