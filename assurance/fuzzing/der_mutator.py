"""A mutator that knows DER: it changes nodes of the tree and keeps the lengths right.

Spec: ITU-T X.690 8.1, 10.1
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

__all__ = ["Node", "encode", "mutate_der", "parse", "remember"]

_TAGS: Final = (0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0A, 0x0C, 0x13, 0x16, 0x17, 0x18, 0x1E)
_MORE_TAGS: Final = (0x30, 0x31, 0x80, 0x81, 0x82, 0xA0, 0xA1, 0xA2, 0xA3, 0x1F, 0x3F, 0x00)
_DEEPEST: Final = 24
_NUMBERS: Final = (b"", b"\0", b"\1", b"\x7f", b"\x80", b"\xff", b"\0\xff", b"\xff" * 9, b"\0" * 9)
_CONSTRUCTED: Final = 0x20
#: Nodes of the seeds, to put into others.
_pool: list[Node] = []


@dataclass
class Node:
    """A TLV; ``parts`` are those inside, empty for a primitive one.

    ``wraps``: the octet or bit string holds DER itself; ``lead`` is what comes before it.
    """

    tag: int
    content: bytes
    parts: list[Node] = field(default_factory=list)
    lead: bytes = b""


def parse(data: bytes, depth: int = 0) -> list[Node] | None:
    """The nodes side by side in ``data``; None if it is no DER."""
    found, at = list[Node](), 0
    while at < len(data):
        if at + 2 > len(data) or data[at] & 0x1F == 0x1F:
            return None
        tag, size, start = data[at], data[at + 1], at + 2
        if size > 0x80:
            count = size & 0x7F
            size, start = int.from_bytes(data[start : start + count], "big"), start + count
        elif size == 0x80:
            return None
        if start + size > len(data):
            return None
        found.append(_node(tag, data[start : start + size], depth))
        at = start + size
    return found


def _node(tag: int, content: bytes, depth: int) -> Node:
    node = Node(tag, content)
    if depth > _DEEPEST or not content:
        return node
    if tag == 0x03 and len(content) > 2:
        node.lead = content[:1]
    if tag & _CONSTRUCTED or tag in (0x03, 0x04):
        inside = parse(content[len(node.lead) :], depth + 1)
        if inside and (tag & _CONSTRUCTED or len(inside) == 1):
            node.parts = inside
        else:
            node.lead = b""
    return node


def encode(node: Node, draw: Random | None = None) -> bytes:
    """The bytes; with ``draw`` a length is seldom written in a form that DER forbids."""
    parts = b"".join(encode(part, draw) for part in node.parts)
    content = node.lead + parts if node.parts else node.content
    size = len(content)
    if draw is not None and draw.random() < 0.003:
        way = draw.randrange(4)
        if way == 0:
            return bytes((node.tag, 0x80)) + content + b"\0\0"
        if way == 1:
            return bytes((node.tag, 0x84)) + size.to_bytes(4, "big") + content
        if way == 2:
            return bytes((node.tag, 0x84)) + b"\xff\xff\xff\xff" + content
        size += draw.choice((-1, 1))
    if 0 <= size < 0x80:
        return bytes((node.tag, size)) + content
    octets = max(size, 0).to_bytes((max(size, 1).bit_length() + 7) // 8, "big")
    return bytes((node.tag, 0x80 | len(octets))) + octets + content


def remember(seeds: list[bytes]) -> None:
    """Take the nodes of seeds into the pool of what is put into others."""
    for seed in seeds:
        for node in parse(seed) or ():
            _pool.extend(one for one, _ in _walk(node) if len(one.content) < 400)


def _walk(node: Node) -> list[tuple[Node, Node | None]]:
    """Every node with the one that it is in."""
    found: list[tuple[Node, Node | None]] = [(node, None)]
    for one, _ in found:
        found += [(part, one) for part in one.parts]
    return found


def mutate_der(
    data: bytes,
    most: int,
    draw: Random,
    plain: Callable[[bytes, int], bytes],
    places: Callable[[Node], list[Node]] | None = None,
) -> bytes:
    """A DER value with a few nodes changed, gone, doubled, moved, or from elsewhere.

    Args:
        data: to change.
        most: the longest answer, in bytes.
        draw: decides.
        plain: changes bytes without a structure.
        places: gives the nodes below which to change something; None = anywhere.
    """
    roots = parse(data)
    if not roots or (places is None and draw.random() < 0.15):
        return plain(data, most)
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        _mutate(roots[0] if places is None else draw.choice(places(roots[0])), draw, plain)
    odd = draw if draw.random() < 0.2 else None
    return b"".join(encode(root, odd) for root in roots)[:most]


def _mutate(root: Node, draw: Random, plain: Callable[[bytes, int], bytes]) -> None:
    nodes = _walk(root)
    node, above = draw.choice(nodes)
    way = draw.randrange(9)
    if above is None or way < 3:
        _change(node, draw, plain)
    elif way == 3:
        above.parts.remove(node)
        above.content = b""
    elif way == 4:
        above.parts.append(node)
    elif way == 5:
        at = draw.randrange(len(above.parts))
        above.parts.insert(at, above.parts.pop(above.parts.index(node)))
    elif way == 6 and _pool:
        other = copy.deepcopy(draw.choice(_pool))
        node.tag, node.content, node.parts, node.lead = (
            *(other.tag, other.content),
            *(other.parts, other.lead),
        )
    elif way == 7:
        node.tag = draw.choice((*_TAGS, *_MORE_TAGS))
    else:  # a box around it
        inner = Node(node.tag, node.content, node.parts, node.lead)
        node.tag, node.parts, node.lead = draw.choice((0x30, 0x31, 0xA0, 0x04)), [inner], b""


def _change(node: Node, draw: Random, plain: Callable[[bytes, int], bytes]) -> None:
    if node.parts:
        draw.shuffle(node.parts)
    elif node.tag in (0x02, 0x0A) and draw.random() < 0.6:
        node.content = draw.choice(_NUMBERS)
    else:
        node.content = plain(node.content or b"\0", max(32, 2 * len(node.content)))
