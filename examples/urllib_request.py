"""A request with the standard library: python examples/urllib_request.py pki https://..."""

# docs: begin
import sys
import urllib.request
from pathlib import Path

import tlcp


def get(pki: Path, url: str) -> str:
    """Fetch a page with mutual authentication."""
    context = tlcp.create_default_context(cafile=pki / "ca.crt")
    context.load_cert_chain(
        sign=(pki / "client.sign.crt", pki / "client.sign.key"),
        enc=(pki / "client.enc.crt", pki / "client.enc.key"),
    )
    # http.client.HTTPSConnection(host, context=context) is the same, one floor down
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
    with opener.open(url, timeout=10) as response:
        text: str = response.read().decode()
        return text


# docs: end
if __name__ == "__main__":
    print(get(Path(sys.argv[1]), sys.argv[2]))
