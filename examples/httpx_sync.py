"""A request with httpx: python examples/httpx_sync.py pki https://localhost:8443/."""

# docs: begin
import sys
from pathlib import Path

import httpx

import tlcp


def get(pki: Path, url: str) -> str:
    """Fetch a page with mutual authentication."""
    context = tlcp.create_default_context(cafile=pki / "ca.crt")
    context.load_cert_chain(
        sign=(pki / "client.sign.crt", pki / "client.sign.key"),
        enc=(pki / "client.enc.crt", pki / "client.enc.key"),
    )
    with httpx.Client(verify=context) as client:
        response = client.get(url)
        response.raise_for_status()
        return response.text


# docs: end
if __name__ == "__main__":
    print(get(Path(sys.argv[1]), sys.argv[2]))
