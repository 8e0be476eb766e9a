"""What is told about one message: a head and explained fields.  Plain data.

Spec: GB/T 38636-2020 6.4.5
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Field", "Told"]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message.

    Attributes:
        name: the standard's name; parts of a certificate as "sign.issuer".
        value: readable, long hex shortened.
        meaning: what it is for, in plain words; "" where the value says it all.
    """

    name: str
    value: str
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """One message, explained.

    Attributes:
        number: 1 for the first message of the connection, counting both directions.
        direction: "C->S" or "S->C".
        name: such as "ServerKeyExchange".
        length_bytes: of the message with its header, before protection.
        protected: whether it went encrypted.
        fields: in wire order.
    """

    number: int
    direction: str
    name: str
    length_bytes: int
    protected: bool
    fields: tuple[Field, ...]

    def as_dict(self) -> dict[str, object]:
        """The same for JSON."""
        return {
            "number": self.number,
            "direction": self.direction,
            "name": self.name,
            "length_bytes": self.length_bytes,
            "protected": self.protected,
            "fields": [
                {"name": f.name, "value": f.value, "meaning": f.meaning} for f in self.fields
            ],
        }
