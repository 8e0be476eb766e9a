"""Messages in plain words: what every field is, and which section rules it.

No I/O and no colours: ``Narrator`` turns traced messages into ``Told`` ones, ``render`` turns
these into lines.  Nothing here ever refuses a message; what cannot be read is told as such.
"""

from tlcp.explain.narrator import Narrator
from tlcp.explain.told import Field, Told

__all__ = ["Field", "Narrator", "Told"]
