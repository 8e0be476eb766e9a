"""What a failed handshake most often means for the settings of the side that sees it.

Guesses, offered as hints: an alert says little, and an end of the connection nothing at all.

Spec: GB/T 38636-2020 6.4.4
"""

from __future__ import annotations

from tlcp.alerts import AlertDescription

__all__ = ["DIFFERENT_KEYS", "on_alert", "on_end"]

_TLS_MAJOR = 3
DIFFERENT_KEYS = (
    "The two sides have different keys: most often the server's encryption certificate and key do "
    "not belong together"
)
_NOT_TLCP = (
    "Most often this port speaks TLS or something else, not TLCP: see what "
    "`openssl s_client -connect HOST:PORT` says"
)
_TRY_WITHOUT = (
    "An old server (GmSSL up to 3.1) may refuse every extension: try without any "
    "(--no-extensions, Config(extensions=False))"
)
_HELD_BACK = ". ECDHE suites were not offered: they need a client encryption certificate and key"
_REFUSED_IN_SILENCE = (
    "Most often it refused our certificates, or that we sent none, and its alert was lost; "
    "its log says why"
)
#: What an alert in the handshake most often means for the side that receives it.
_ADVICE: dict[int, str] = {
    AlertDescription.BAD_RECORD_MAC: DIFFERENT_KEYS,
    AlertDescription.BAD_CERTIFICATE: "The {peer} refused our certificates: make sure that both "
    "are there and belong together, that a server's are for the host name that its client uses, "
    "and that the {peer} trusts the very CA that issued them",
    AlertDescription.UNSUPPORTED_CERTIFICATE: "The {peer} refused our certificates: make sure that "
    "the signing and the encryption certificate are not in each other's place",
    AlertDescription.CERTIFICATE_REVOKED: "Our certificates were revoked: ask the CA for new ones",
    AlertDescription.CERTIFICATE_EXPIRED: "Look at the dates of our certificates, and at both "
    "clocks",
    AlertDescription.CERTIFICATE_UNKNOWN: "The {peer} refused our certificates; its log says why",
    AlertDescription.UNKNOWN_CA: "Make the {peer} trust the CA that issued our certificates, and "
    "send the intermediate CAs with them",
}
#: The same where a ClientHello is answered with an alert.
_HELLO_ADVICE: dict[int, str] = {
    AlertDescription.UNEXPECTED_MESSAGE: _TRY_WITHOUT,
    AlertDescription.DECODE_ERROR: _TRY_WITHOUT,
    AlertDescription.HANDSHAKE_FAILURE: "Most often there is no common cipher suite; "
    "ECC_SM4_CBC_SM3 is the one every stack has",
    AlertDescription.INSUFFICIENT_SECURITY: "Most often there is no common cipher suite",
    AlertDescription.PROTOCOL_VERSION: "The server does not speak TLCP on this port",
    AlertDescription.UNRECOGNIZED_NAME: "It does not serve the host name asked for",
}


def on_alert(
    alert: int, *, role: str, awaited: str, record_version: int, suites_held_back: bool
) -> str:
    """A hint on an alert received in the handshake, or "".

    Args:
        alert: its description.
        role: ours, "client" or "server".
        awaited: the message that we wait for, by name.
        record_version: of the record that it came in.
        suites_held_back: whether a client could not offer all suites that it is configured with.
    """
    if record_version >> 8 == _TLS_MAJOR:
        return f"It came in a TLS record ({record_version:04x}): this port probably speaks TLS"
    if role == "client" and awaited == "ServerHello":
        return _HELLO_ADVICE.get(alert, "") + (_HELD_BACK if suites_held_back else "")
    if role == "client" and alert == AlertDescription.HANDSHAKE_FAILURE:
        return "If the server demands a client certificate, give this client its pair"
    peer = "server" if role == "client" else "client"
    return _ADVICE.get(alert, "").format(peer=peer)


def on_end(role: str, awaited: str, *, extensions: bool) -> str:
    """A hint on a peer that ended the connection in the handshake, or "".

    Args:
        role: ours, "client" or "server".
        awaited: the message that we wait for, by name.
        extensions: whether our ClientHello may have had any.
    """
    if role == "client" and awaited == "ServerHello":
        return _NOT_TLCP + (". " + _TRY_WITHOUT if extensions else "")
    if role == "client" and awaited == "ChangeCipherSpec":
        return _REFUSED_IN_SILENCE
    return ""
