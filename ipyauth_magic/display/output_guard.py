"""A mask goes in the place of each live token in the kernel's messages to a front end, also in a library's output.

Every message of a kernel is packed by one function, the `pack` of its `Session` (jupyter_client documents that a
program may set it). So the guard stands there: it searches what was packed, and changes a copy if there is a token in
it. The objects of the user stay as they are, and so do the binary buffers beside a message.

It guards against accidents. Code that means to send a token elsewhere can cut, encode or send it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from ..flows.live_tokens import LIVE, Live, secrets
from .shell import current_shell
from .split_tokens import SplitTokens
from .token_masks import TokenMasks


class PastGuard(dict[str, Any]):
    """The content of a message in which the user has asked for a token."""


class OutputGuard:
    """The `pack` of a kernel's session, with masks in place of live tokens; thread-safe.

    Args:
        shell: the shell of the kernel, whose configuration can turn the guard off.
        session: a `jupyter_client.session.Session`.
    """

    def __init__(self, shell: Any, session: Any) -> None:
        self._shell = shell
        self._session = session
        self.pack: Callable[[Any], bytes] = session.pack
        self._streams = SplitTokens()
        self._known: tuple[tuple[Live, ...], TokenMasks] = (), TokenMasks(())

    def __call__(self, content: Any) -> bytes:
        """Return *content*, a part of a message, packed and with masks."""
        masks = self._masks()
        if not masks or isinstance(content, PastGuard):
            return self.pack(content)
        try:
            return self._packed(content, masks)
        except Exception:
            # A packer of another program, or a defect here: the message goes out all the same, without tokens.
            # Nothing is logged, because a log is mostly an output, too.
            return masks.in_packed(self.pack(content))

    def _packed(self, content: Any, masks: TokenMasks) -> bytes:
        packed = self.pack(content)  # bytes are searched faster than text, above all than text beyond Latin-1
        if _is_stream(content):
            name, text = content["name"], content["text"]
            masked = self._streams.masked(name, text, masks, masks.are_in(packed, len(text)))
            return packed if masked is text or not self._is_wanted() else self.pack({"name": name, "text": masked})
        if not masks.are_in(packed) or not self._is_wanted():
            return packed
        return self.pack(masks.in_value(self._session.unpack(packed)))

    def _masks(self) -> TokenMasks:
        """Return the masks of the tokens that live now."""
        live, masks = self._known
        if live is not LIVE.now:
            live = LIVE.now
            masks = TokenMasks(secrets(live))
            self._known = live, masks
        return masks

    def _is_wanted(self) -> bool:
        """Tell whether `guard_outputs` is on, in the magics or, where they are not loaded, in the configuration."""
        magics = self._shell.magics_manager.registry.get("Auth0Magics")
        if magics is not None:
            return bool(magics.guard_outputs)
        return bool(self._shell.config.get("Auth0Magics", {}).get("guard_outputs", True))


def guard_outputs(shell: Any) -> None:
    """Have the kernel of *shell*, if it has one, mask live tokens in its messages; a second call changes nothing."""
    session = _session_of(shell)
    if session is not None and not isinstance(session.pack, OutputGuard):
        session.pack = OutputGuard(shell, session)


def unguard_outputs(shell: Any) -> None:
    """Take the guard away."""
    session = _session_of(shell)
    if session is not None and isinstance(session.pack, OutputGuard):
        session.pack = session.pack.pack


def print_past_guard(text: str) -> None:
    """Print *text*, a token that the user has asked to see."""
    shell = current_shell()
    if not _is_sent(sys.stdout, shell):
        print(text)
        return
    sys.stdout.flush()
    shell.kernel.send_response(shell.kernel.iopub_socket, "stream", PastGuard(name="stdout", text=f"{text}\n"))


def _session_of(shell: Any) -> Any:
    """Return the session of the kernel of *shell*, None where there is none, as in a terminal.

    Other kernels than ipykernel have no session that packs.
    """
    session = getattr(getattr(shell, "kernel", None), "session", None)
    return session if callable(getattr(session, "pack", None)) else None


def _is_sent(stream: Any, shell: Any) -> bool:
    """Tell whether *stream* goes into guarded messages: it does not where a cell captures its output."""
    session = _session_of(shell)
    is_guarded = session is not None and isinstance(session.pack, OutputGuard)
    return is_guarded and getattr(stream, "session", None) is session


def _is_stream(content: Any) -> bool:
    """Tell whether *content* is of a message `stream`: no other has these two names only."""
    return (
        isinstance(content, dict) and len(content) == 2 and isinstance(content.get("text"), str) and "name" in content
    )
