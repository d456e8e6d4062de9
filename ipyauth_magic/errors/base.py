"""The class of all errors of this package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class IpyauthError(Exception):
    """Base class of all errors of this package. `str(error)` is a sentence for the user."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Workers of a cluster pickle errors. The default calls the constructor with `args`, which is the sentence and
        # not what most of these constructors take.
        return restored, (type(self), self.args, self.__dict__)


def restored(kind: type[IpyauthError], args: tuple[Any, ...], state: Mapping[str, Any]) -> IpyauthError:
    """Return an error of class *kind* with *args* and *state*, without a call of its constructor (for `pickle`)."""
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error
