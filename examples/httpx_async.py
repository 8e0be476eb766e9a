"""Requests at the same time: python examples/httpx_async.py pki https://localhost:8443/."""

# docs: begin
import asyncio
import sys
from pathlib import Path

import httpx

import tlcp


async def get(pki: Path, url: str, count: int = 3) -> list[str]:
    """Fetch a page several times at once."""
    context = tlcp.create_default_context(cafile=pki / "ca.crt")
    context.load_cert_chain(
        sign=(pki / "client.sign.crt", pki / "client.sign.key"),
        enc=(pki / "client.enc.crt", pki / "client.enc.key"),
    )
    async with httpx.AsyncClient(verify=context) as client:  # one context for all connections
        responses = await asyncio.gather(*(client.get(url) for _ in range(count)))
        return [response.raise_for_status().text for response in responses]


# docs: end
if __name__ == "__main__":
    print(*asyncio.run(get(Path(sys.argv[1]), sys.argv[2])), sep="\n")
