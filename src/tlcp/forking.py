"""Locks across ``fork``: a child must not wait for a thread that it does not have.

A server may fork while its threads work. A lock that one of them held stays locked in the child for
ever; what it guards is a dictionary that is whole at every moment, so a new lock will do.
"""

from __future__ import annotations

import os
import threading
import weakref

__all__ = ["renew_lock_in_children"]

_OWNERS: weakref.WeakKeyDictionary[object, str] = weakref.WeakKeyDictionary()


def renew_lock_in_children(owner: object, attribute: str = "_lock") -> None:
    """Give the object a new ``threading.Lock`` in every child process."""
    _OWNERS[owner] = attribute


def _renew() -> None:
    for owner, attribute in list(_OWNERS.items()):
        setattr(owner, attribute, threading.Lock())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
