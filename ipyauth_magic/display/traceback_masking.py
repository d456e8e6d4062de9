"""Tracebacks of requests that failed, without the frames in which the token stands.

An auth object of `requests` cannot catch what its request raises, and `%xmode Verbose` prints every variable of every
frame: `http.client` has the whole request in one. So the frames are taken off where IPython formats the error.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any

from ..protocol.tokens import AuthorizationHeader

_SENDING = "requests.adapters"
"""From here on inwards a request is bytes."""


def guard_tracebacks(shell: Any) -> None:
    """Let *shell* show no error of a request of ours with its inner frames."""
    formatter = shell.InteractiveTB
    if "structured_traceback" in vars(formatter):
        return
    unguarded = formatter.structured_traceback

    def structured_traceback(etype: Any = None, value: Any = None, tb: Any = None, *args: Any, **kwargs: Any) -> Any:
        if isinstance(value, BaseException) and take_off_sending_frames(value):
            tb = value.__traceback__
        return unguarded(etype, value, tb, *args, **kwargs)

    formatter.structured_traceback = structured_traceback


def unguard_tracebacks(shell: Any) -> None:
    """Take the guard away."""
    vars(shell.InteractiveTB).pop("structured_traceback", None)


def take_off_sending_frames(error: BaseException) -> bool:
    """Cut every error in the chain of *error* that a request of ours raised; tell whether *error* itself was one."""
    ours = [each for each in _chain(error) if any(_sends_our_header(frame) for frame in _frames(each.__traceback__))]
    for each in ours:
        each.__cause__ = each.__context__ = None
        each.__traceback__ = _until_sending(each.__traceback__)
    return error in ours


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            waiting += [each.__cause__, each.__context__]
            yield each


def _frames(traceback: TracebackType | None) -> Iterator[FrameType]:
    while traceback is not None:
        yield traceback.tb_frame
        traceback = traceback.tb_next


def _sends_our_header(frame: FrameType) -> bool:
    if frame.f_globals.get("__name__") != _SENDING:
        return False
    headers = getattr(frame.f_locals.get("request"), "headers", None) or {}
    return isinstance(headers.get("Authorization"), AuthorizationHeader)


def _until_sending(traceback: TracebackType | None) -> TracebackType | None:
    kept: list[TracebackType] = []
    while traceback is not None and not _sends_our_header(traceback.tb_frame):
        kept.append(traceback)
        traceback = traceback.tb_next
    cut: TracebackType | None = None
    for each in reversed(kept):
        cut = TracebackType(cut, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return cut
