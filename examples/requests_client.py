"""A request with requests: python examples/requests_client.py pki https://localhost:8443/."""

# docs: begin
import sys
from pathlib import Path

import requests

import tlcp
from tlcp.http import TLCPAdapter


def get(pki: Path, url: str) -> str:
    """Fetch a page with mutual authentication."""
    context = tlcp.create_default_context(cafile=pki / "ca.crt")
    context.load_cert_chain(
        sign=(pki / "client.sign.crt", pki / "client.sign.key"),
        enc=(pki / "client.enc.crt", pki / "client.enc.key"),
    )
    with requests.Session() as session:
        # every https URL of this session; "https://bank.example/" would limit it to one server
        session.mount("https://", TLCPAdapter(context))
        response = session.get(url, timeout=10)
        response.raise_for_status()
        return response.text


# docs: end
if __name__ == "__main__":
    print(get(Path(sys.argv[1]), sys.argv[2]))
