"""A request with urllib3: python examples/urllib3_client.py pki https://localhost:8443/."""

# docs: begin
import sys
from pathlib import Path

import urllib3

import tlcp


def get(pki: Path, url: str) -> str:
    """Fetch a page with mutual authentication."""
    context = tlcp.create_default_context(cafile=pki / "ca.crt")
    context.load_cert_chain(
        sign=(pki / "client.sign.crt", pki / "client.sign.key"),
        enc=(pki / "client.enc.crt", pki / "client.enc.key"),
    )
    with urllib3.PoolManager(ssl_context=context) as pool:
        response = pool.request("GET", url, timeout=10)
        return response.data.decode()


# docs: end
if __name__ == "__main__":
    print(get(Path(sys.argv[1]), sys.argv[2]))
