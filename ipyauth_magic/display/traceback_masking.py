"""In IPython an error of ours is its sentence at the user's own line, and no frame with a secret is shown.

Outside IPython an error keeps its traceback and its cause. IPython alone prints the variables of frames (`%xmode
Verbose`), and its users read a sentence more easily than the insides of a package. So the guard stands there, and
changes an error only while it is shown.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import IntEnum
from itertools import chain
from pathlib import PurePath
from types import FrameType, TracebackType
from typing import Any

from ..errors import IpyauthError
from ..protocol.tokens import AuthorizationHeader, HeaderBytes, RequestBody
from ..text import in_lines
from .shell import current_shell

_OURS = __name__.partition(".")[0]

_SENDING = (
    *("requests.adapters", "urllib3", "http", "httpx._transports", "httpcore", "httpx2._transports", "httpcore2"),
    "h11",
)
"""Modules that turn a request into bytes; frames further out hold header and body as masked values."""

_SHOWN = ("__traceback__", "__cause__", "__context__", "__suppress_context__")
"""What is shown of an error beside its sentence."""


def guard_tracebacks(shell: Any = None) -> None:
    """Have *shell*, by default the running one, show errors as this module says. A second call changes nothing."""
    shell = shell or current_shell()
    # None outside IPython; other programs have a `get_ipython` too, whose shell shows no tracebacks.
    if (formatter := getattr(shell, "InteractiveTB", None)) is None:
        return
    _replace(formatter, "structured_traceback", lambda original: _structured_traceback(formatter, original))
    # Python itself formats exception groups, and errors at which IPython's formatter fails.
    _replace(shell, "showtraceback", lambda original: _showtraceback(formatter, original))


def unguard_tracebacks(shell: Any) -> None:
    """Remove the guard."""
    _restore(shell, "showtraceback")
    _restore(shell.InteractiveTB, "structured_traceback")


def _replace(owner: Any, name: str, guarded_by: Callable[[Any], Callable[..., Any]]) -> None:
    original = getattr(owner, name)
    if hasattr(original, "unguarded"):
        return
    guarded: Any = guarded_by(original)
    guarded.unguarded = vars(owner).get(name)
    setattr(owner, name, guarded)


def _restore(owner: Any, name: str) -> None:
    current = vars(owner).get(name)
    if not hasattr(current, "unguarded"):
        return
    if current.unguarded is None:
        delattr(owner, name)
    else:
        setattr(owner, name, current.unguarded)


def _structured_traceback(formatter: Any, original: Callable[..., Any]) -> Callable[..., Any]:
    def structured_traceback(
        etype: Any = None, value: Any = None, tb: Any = None, tb_offset: int | None = None, *args: Any, **kwargs: Any
    ) -> Any:
        if etype is None:
            etype, value, tb = sys.exc_info()
        # A tuple comes from within the formatter, for an error of the chain: it is masked already.
        if not isinstance(value, BaseException) or isinstance(tb, tuple):
            return original(etype, value, tb, tb_offset, *args, **kwargs)
        with masked(value, tb, _offset(formatter, tb_offset), _shows_variables(formatter)):
            lines = original(etype, value, value.__traceback__, tb_offset, *args, **kwargs)
        return _fitting(lines, value) if _is_our_error(value) and isinstance(lines, list) else lines

    return structured_traceback


def _fitting(lines: list[Any], error: BaseException) -> list[Any]:
    """Return *lines* of a traceback with the sentence of *error* in lines that fit a notebook."""
    name = f"{type(error).__name__}: "
    sentence = in_lines(f"{name}{error}").removeprefix(name)
    return [line.replace(str(error), sentence) if isinstance(line, str) else line for line in lines]


def _showtraceback(formatter: Any, original: Callable[..., Any]) -> Callable[..., Any]:
    def showtraceback(
        exc_tuple: Any = None, filename: str | None = None, tb_offset: int | None = None, *args: Any, **kwargs: Any
    ) -> Any:
        etype, value, tb = exc_tuple or sys.exc_info()
        if not isinstance(value, BaseException):  # as in %tb: IPython takes the last error, which its formatter masks
            return original(exc_tuple, filename, tb_offset, *args, **kwargs)
        with masked(value, tb, _offset(formatter, tb_offset), _shows_variables(formatter)):
            result = original((etype, value, value.__traceback__), filename, tb_offset, *args, **kwargs)
        for show in _BELOW:
            show(value, _locals_of_ours(tb))
        return result

    return showtraceback


Below = Callable[[BaseException, Iterator[Any]], None]

_BELOW: list[Below] = []


def show_below(show: Below) -> None:
    """Have *show* called once an error was shown, with it and each `self` of our frames, the innermost first."""
    _BELOW.append(show)


def _locals_of_ours(tb: TracebackType | None) -> Iterator[Any]:
    for each in reversed(list(_frames(tb))):
        if _is_ours(each.tb_frame) and "self" in each.tb_frame.f_locals:
            yield each.tb_frame.f_locals["self"]


def _offset(formatter: Any, tb_offset: int | None) -> int:
    """Return how many frames of IPython's own the formatter takes off."""
    return int(formatter.tb_offset if tb_offset is None else tb_offset)


def _shows_variables(formatter: Any) -> bool:
    return bool(getattr(formatter, "include_vars", True))


@contextmanager
def masked(error: BaseException, traceback: TracebackType | None, offset: int, hides_ours: bool) -> Iterator[None]:
    """Give *error*, and the errors chained to it or grouped in it, what may be shown of them, within the block.

    Args:
        error: the error to show.
        traceback: its traceback.
        offset: the number of its outermost frames that are IPython's own, and are kept.
        hides_ours: take our frames off each error; if not, off an `IpyauthError` only.
    """
    related = _related(error)
    before = [(each, {name: getattr(each, name) for name in _SHOWN}) for each in related]
    # IPython keeps what was shown as the last traceback, without the frames that were cut. The error has all of them.
    whole = error.__traceback__
    try:
        _set(error, __traceback__=traceback)
        _mask(error, whole, offset, hides_ours)
        for member in chain.from_iterable(map(_members, related)):
            _mask(member, member.__traceback__, 0, hides_ours)
        yield
    finally:
        for each, attributes in before:
            _set(each, **attributes)


class _Depth(IntEnum):
    """Where in a call a frame lies."""

    OUTSIDE = 0
    """Every frame may be shown."""
    OURS = 1
    """In our code: only the user's own frames may be shown, as those of a store of theirs."""
    SENDING = 2
    """Where a request with a secret becomes bytes: no frame may, since a user's variables may hold the bytes too."""


def _mask(error: BaseException, whole: TracebackType | None, offset: int, hides_ours: bool) -> None:
    """Leave what may be shown of *error* and the errors that it came from; *whole* is its traceback with all frames."""
    shown: list[BaseException] = []
    places: dict[FrameType, _Depth] = {}
    depth = _deepest(_depths(list(_frames(whole)), _Depth.OUTSIDE, hides_ours or _is_our_error(error), places))
    for each in _chain(error):
        frames = list(_frames(each.__traceback__))
        own, rest = (frames[:offset], frames[offset:]) if each is error else ([], frames)
        inherited = _Depth.OUTSIDE if each is error else _caught_at(rest, places, depth)
        least = max(inherited, _Depth.OURS) if _is_our_error(each) else inherited
        depths = [max(at, least) for at in _depths(rest, inherited, hides_ours or _is_our_error(each), places)]
        depth = max(depth, least, _deepest(depths)) if each is error else max(least, _deepest(depths))
        kept = [part for part, at in zip(rest, depths, strict=True) if _may_be_shown(part.tb_frame, at)]
        if kept or inherited is _Depth.OUTSIDE:
            shown.append(each)
            _set(each, __traceback__=_joined(own + kept))
    for each, following in zip(shown, (*shown[1:], None), strict=True):
        if following is not _following(each):
            _link(each, following)


def _depths(
    frames: list[TracebackType], depth: _Depth, hides_ours: bool, places: dict[FrameType, _Depth]
) -> list[_Depth]:
    """Return where each of *frames* lies, the first at *depth* or deeper; *places* has those known, and gets these."""
    found = []
    for each in frames:
        frame = each.tb_frame
        depth = max(depth, places.get(frame, depth))
        if hides_ours and _is_ours(frame):
            depth = max(depth, _Depth.OURS)
        if _sends_secret(frame):
            depth = _Depth.SENDING
        places.setdefault(frame, depth)
        found.append(depth)
    return found


def _deepest(depths: list[_Depth]) -> _Depth:
    return max(depths, default=_Depth.OUTSIDE)


def _caught_at(frames: list[TracebackType], places: dict[FrameType, _Depth], depth: _Depth) -> _Depth:
    """Return where an error with *frames* was caught: its first frame did that, and the next error mostly has it too.

    If not, code of the user caught it outside, and other code at *depth*, where the next error was raised.
    """
    if not frames:
        return depth
    caught_in = frames[0].tb_frame
    return places.get(caught_in, _Depth.OUTSIDE if _is_users(caught_in) else depth)


def _may_be_shown(frame: FrameType, depth: _Depth) -> bool:
    return depth is _Depth.OUTSIDE or (depth is _Depth.OURS and _is_users(frame))


def _is_our_error(error: BaseException) -> bool:
    return isinstance(error, IpyauthError)


def _is_ours(frame: FrameType) -> bool:
    return _module(frame).partition(".")[0] == _OURS


def _is_users(frame: FrameType) -> bool:
    """Tell whether *frame* runs code of the user: a cell, a script, or a module that is not installed."""
    if _is_ours(frame) or _module(frame).partition(".")[0] in sys.stdlib_module_names:
        return False
    return not {"site-packages", "dist-packages"} & set(PurePath(frame.f_code.co_filename).parts)


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def _sends_secret(frame: FrameType) -> bool:
    """Tell whether *frame* makes bytes of a request with our `Authorization` header, or of one to the provider."""
    module = _module(frame)
    if not any(module == each or module.startswith(f"{each}.") for each in _SENDING):
        return False
    request, headers, body = (frame.f_locals.get(name) for name in ("request", "headers", "body"))
    bodies = (body, getattr(request, "body", None))
    return (
        any(isinstance(each, RequestBody) for each in bodies)
        or _has_our_header(headers)
        or _has_our_header(getattr(request, "headers", None))
    )


def _has_our_header(headers: Any) -> bool:
    """Tell whether *headers* of requests, urllib3, httpx, httpx2 or their httpcore hold a value of ours."""
    pairs = getattr(headers, "raw", headers)  # of httpx: its mapping makes new values
    if isinstance(pairs, Mapping):
        pairs = list(pairs.items())
    values = [pair[-1] for pair in pairs if isinstance(pair, tuple) and pair] if isinstance(pairs, list) else []
    return any(isinstance(value, (AuthorizationHeader, HeaderBytes)) for value in values)


def _frames(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def _joined(frames: list[TracebackType]) -> TracebackType | None:
    joined: TracebackType | None = None
    for each in reversed(frames):
        joined = TracebackType(joined, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return joined


def _following(error: BaseException) -> BaseException | None:
    """Return the error that is shown before *error*, as Python and IPython choose it."""
    if error.__cause__ is not None or error.__suppress_context__:
        return error.__cause__
    return error.__context__


def _link(error: BaseException, following: BaseException | None) -> None:
    """Let *following* be shown before *error*, or nothing."""
    is_cause = error.__cause__ is not None
    _set(error, __context__=following, __cause__=following if is_cause else None, __suppress_context__=is_cause)


def _set(error: BaseException, **attributes: Any) -> None:
    """Set *attributes* of *error*, also of a frozen dataclass."""
    for name in sorted(attributes):  # `__suppress_context__` after `__cause__`, which sets it
        BaseException.__setattr__(error, name, attributes[name])


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Return *error* and those that are shown before it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = _following(error)


def _members(error: BaseException) -> Sequence[BaseException]:
    return error.exceptions if isinstance(error, BaseExceptionGroup) else ()


def _related(error: BaseException) -> list[BaseException]:
    """Return *error*, all errors that it came from, shown or not, and the members of groups among them."""
    found: dict[int, BaseException] = {}
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is not None and id(each) not in found:
            found[id(each)] = each
            waiting += [each.__cause__, each.__context__, *_members(each)]
    return list(found.values())
