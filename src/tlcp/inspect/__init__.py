"""Captures taken apart: files to packets, packets to TCP segments, segments to streams.

No key, no handshake and no socket here: what comes in are bytes that anybody may have made up, so
every length is checked, every memory is bounded, and what cannot be read is stated as a gap.
"""

from tlcp.inspect.captures import Capture, CaptureError, Packet, open_capture
from tlcp.inspect.collecting import conversations
from tlcp.inspect.conversation import Conversation, Limits, Segment
from tlcp.inspect.packets import Decoder, Endpoint, TCPPacket
from tlcp.inspect.recording import Recording
from tlcp.inspect.streams import Assembler

__all__ = [
    "Assembler",
    "Capture",
    "CaptureError",
    "Conversation",
    "Decoder",
    "Endpoint",
    "Limits",
    "Packet",
    "Recording",
    "Segment",
    "TCPPacket",
    "conversations",
    "open_capture",
]
