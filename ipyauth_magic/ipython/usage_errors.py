"""Our errors within a magic: IPython shows their sentences alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from IPython.core.error import UsageError

PREFIX = "UsageError: "
"""What IPython writes before the sentence."""


class KernelUsageError(UsageError):
    """A `UsageError` that a kernel sends as an output of the kind `error`, with its sentence as the whole traceback.

    IPython prints exactly `UsageError` on standard error, and a kernel then sends no such output: the error of
    papermill, for one, has no sentence.
    """

    def _render_traceback_(self) -> list[str]:
        from ..text import in_lines

        return in_lines(f"{PREFIX}{self}").split("\n")


@contextmanager
def usage_errors(interrupted: Callable[[], str]) -> Iterator[None]:
    """Turn our errors and an interrupt into `UsageError`, which IPython shows as its sentence alone.

    *interrupted* returns the sentence for an interrupt.
    """
    try:
        yield
    except KeyboardInterrupt:
        message = interrupted()
    except Exception as error:  # the classes of ours are imported only where there is an error
        from ..errors import IpyauthError
        from ..settings.line import BadOption

        if not isinstance(error, (IpyauthError, BadOption, UsageError)):
            raise
        message = str(error)
    else:
        return
    raise _shown_here(message)


def _shown_here(message: str) -> UsageError:
    from ..display.shell import current_shell
    from ..text import in_lines

    if getattr(current_shell(), "kernel", None):
        return KernelUsageError(message)
    return UsageError(in_lines(f"{PREFIX}{message}").removeprefix(PREFIX))
