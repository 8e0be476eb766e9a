"""``lazy``: a property computed at its first use; ``functools.cached_property`` without its lock.

Up to Python 3.11 that lock costs more than most of the values do. Two threads may compute a value
twice, which does no harm to values that depend on an immutable object alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

__all__ = ["lazy"]

T = TypeVar("T")


class lazy(Generic[T]):
    """Decorator of a method without arguments."""

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self._compute, self._name = compute, compute.__name__
        self.__doc__ = compute.__doc__

    @overload
    def __get__(self, instance: None, owner: type[object]) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type[object]) -> T: ...

    def __get__(self, instance: object | None, owner: type[object]) -> Self | T:
        """The value, which from now on stands in the instance's own dictionary."""
        if instance is None:
            return self
        value = instance.__dict__[self._name] = self._compute(instance)
        return value
