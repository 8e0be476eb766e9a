"""What a failed handshake most often means for the settings of the side that sees it.

Guesses, offered as hints: an alert says little, and an end of the connection nothing at all. Here
is what depends on the moment; what an alert calls for at any time is its remedy in ``alerts.py``.

Spec: GB/T 38636-2020 6.4.4
"""

from __future__ import annotations

from tlcp.alerts import AlertDescription

__all__ = ["DIFFERENT_KEYS", "on_alert", "on_end"]

_TLS_MAJOR = 3
DIFFERENT_KEYS = AlertDescription.remedy(AlertDescription.BAD_RECORD_MAC)
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
_GAVE_UP = "It gave the handshake up; its log says why"
#: What an alert most often means where it answers a ClientHello; otherwise see ``tlcp.alerts``.
_HELLO_ADVICE: dict[int, str] = {
    AlertDescription.UNEXPECTED_MESSAGE: _TRY_WITHOUT,
    AlertDescription.DECODE_ERROR: _TRY_WITHOUT,
    AlertDescription.HANDSHAKE_FAILURE: "Most often there is no common cipher suite; "
    "ECC_SM4_CBC_SM3 is the one every stack has, but a server with RSA certificates has RSA "
    "suites only: name them (RSA_SM4_GCM_SM3)",
    AlertDescription.INSUFFICIENT_SECURITY: "Most often there is no common cipher suite",
    AlertDescription.PROTOCOL_VERSION: "The server does not speak TLCP on this port",
    AlertDescription.UNRECOGNIZED_NAME: "It does not serve the host name asked for",
}


def on_alert(
    alert: int,
    *,
    role: str,
    awaited: str,
    record_version: int,
    suites_held_back: bool,
    warned: int | None = None,
) -> str:
    """A hint on an alert received in the handshake, or "".

    Args:
        alert: its description.
        role: ours, "client" or "server".
        awaited: the message that we wait for, by name.
        record_version: of the record that it came in.
        suites_held_back: whether a client could not offer all suites that it is configured with.
        warned: the last warning that came before, if any did.
    """
    if record_version >> 8 == _TLS_MAJOR:
        return f"It came in a TLS record ({record_version:04x}): this port probably speaks TLS"
    if alert == AlertDescription.CLOSE_NOTIFY:
        if warned is None:
            return _GAVE_UP
        label, meaning = AlertDescription.label(warned), AlertDescription.explain(warned)
        return f"Before it came the warning {label}: {meaning}"
    remedy = AlertDescription.remedy(alert)
    if role == "client" and awaited == "ServerHello":
        return _HELLO_ADVICE.get(alert, remedy) + (_HELD_BACK if suites_held_back else "")
    if role == "client" and alert == AlertDescription.HANDSHAKE_FAILURE:
        return "If the server demands a client certificate, give this client its pair"
    return remedy


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
