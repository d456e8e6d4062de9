"""The live widget of an `Auth`: what it shows, what its buttons do, and what may be saved of it.

The state of a widget is written into notebooks, so it holds only what the card shows too: who, for what, until when.
All else goes by custom messages, which nobody saves: the link (state and nonce stand in it), the claims, the token for
the clipboard, and what is going on at the moment, which would be false in a notebook that is opened again.

    from the page   {"action": "sign_in", "view": ...}
    to that view    {"event": "heard" | "claims" | "token", "view": ...}
    to all views    {"event": "present", "doing": ..., "note": ..., "url": ..., "open": the view that is to open it}

A message from the page reaches the kernel only between cells (ipykernel 6 and 7.4), and on other threads than the main
one (7.0 to 7.3): each is answered by `heard` at once, so that the page knows, and worked off in a thread of its own.
"""

from __future__ import annotations

import logging
import threading
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets
from IPython.display import display

from ..errors import IpyauthError, NotSignedIn
from ..text import plain
from .cards import scopes_in_words
from .claims import sections_of
from .qr import qr_image

if TYPE_CHECKING:
    from ..auth import Auth
    from ..flows.sign_in import Attempt

_logger = logging.getLogger("ipyauth_magic")


def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


class AuthWidget(anywidget.AnyWidget):
    """The widget of one `Auth`, as many views as there may be of it; thread-safe.

    Its lock is the last that any thread takes: `refresh` is called by whoever holds those of `Auth` and of a store.
    """

    _esm = _read("widget.js")
    _css = _read("widget.css")
    state = traitlets.Dict().tag(sync=True)

    def __init__(self, auth: Auth) -> None:
        self._auth = auth
        self._turn = threading.RLock()
        self._doing = self._note = self._opener = ""
        self._dismissed: Attempt | None = None
        self._actions = {
            "hello": lambda view: self.refresh(),
            "sign_in": self._sign_in,
            "renew": self._renew,
            "stop": lambda view: auth.stop(),
            "clear": lambda view: auth.clear(),
            "inspect": self._inspect,
            "copy": self._copy,
        }
        super().__init__(state=lasting_state(auth))
        self.on_msg(self._received)

    def show(self) -> None:
        """Show another view; where there can be no widget, the card."""
        data, metadata = super()._repr_mimebundle_() or ({}, {})
        display(data | self._auth.lasting_card().bundle(), metadata=metadata, raw=True)

    def refresh(self) -> None:
        """Bring every view up to date."""
        try:
            with self._turn:
                self.state = lasting_state(self._auth)
                self.send(self._present())
        except Exception:
            _logger.exception("The widget could not be shown")  # no sign-in or renewal fails by its display

    def _present(self) -> dict[str, Any]:
        """Return what is going on; the link is to be opened once, by the view whose button was pressed."""
        attempt = self._auth.attempt
        present = {"event": "present", "doing": self._doing, "note": self._note}
        if attempt is None or attempt is self._dismissed:
            return present
        if attempt.is_over:
            return present | {"note": self._note or str(attempt.error or "")}
        opener, url = self._opener, attempt.url
        if url is None:
            return present | {"doing": "asking"}
        self._opener = ""
        return present | {"doing": "waiting", "url": url, "open": opener} | _device(attempt)

    def _received(self, _: object, content: Any, buffers: object) -> None:
        """Answer a message from the page at once; runs in whichever thread the kernel has for it."""
        action, view = (str(content.get(name, "")) for name in ("action", "view"))
        if action in self._actions:
            self.send({"event": "heard", "action": action, "view": view})
            threading.Thread(target=self._act, args=(action, view), name="ipyauth-widget", daemon=True).start()

    def _act(self, action: str, view: str) -> None:
        """Do *action*; what fails is told in every view."""
        if action != "hello":
            self._forget_failures()
        try:
            self._actions[action](view)
        except IpyauthError as error:
            self._now(note=str(error))
        except Exception as error:
            _logger.exception("A button of the widget met a defect")
            self._now(note=f"This failed by a defect of ipyauth-magic ({type(error).__name__}); the log tells more.")

    def _forget_failures(self) -> None:
        """Tell no longer what failed before; the page takes it away by itself."""
        with self._turn:
            attempt = self._auth.attempt
            self._dismissed = attempt if attempt is not None and attempt.is_over else None
            self._note = ""

    def _now(self, doing: str = "", note: str = "") -> None:
        """Tell every view what is going on, and what failed."""
        with self._turn:
            self._doing, self._note = doing, note
        self.refresh()

    def _sign_in(self, view: str, renew: bool = False) -> None:
        """Let *view* open the provider's page, unless there are tokens that need nobody."""
        self._now("renewing" if renew else "asking")
        if not self._auth.go_on_without_asking(renew):
            with self._turn:
                self._opener = view
            self._auth.offer()
        self._now()

    def _renew(self, view: str) -> None:
        self._sign_in(view, renew=True)

    def _inspect(self, view: str) -> None:
        sections, note = sections_of(self._auth.tokens)
        self.send({"event": "claims", "view": view, "sections": sections, "note": note})

    def _copy(self, view: str) -> None:
        self.send({"event": "token", "view": view, "token": str(self._auth.access_token)})


def lasting_state(auth: Auth) -> dict[str, Any]:
    """Return what a view shows of *auth* and a saved notebook may keep: what the card shows, and no secret."""
    state = {
        "issuer": auth.params.expected_issuer,
        "audience": plain(auth.params.audience or ""),
        "scope": plain(auth.params.scope, 600),
    }
    try:
        tokens = auth.tokens
    except NotSignedIn:
        return state | {"who": "", "expires_at": "", "renewable": False}
    return state | {
        "who": plain(tokens.logged_as),
        "scope": plain(scopes_in_words(tokens.scope, auth.params.scope), 600),
        "expires_at": tokens.expires_at.isoformat(),
        "renewable": tokens.refresh_token is not None,
    }


def _device(attempt: Attempt) -> dict[str, Any]:
    """Return the code to enter on another device, where the sign-in is by one."""
    asked = attempt.device_authorization
    if asked is None:
        return {}
    return {"open": "", "code": asked.user_code, "page": asked.verification_uri, "image": qr_image(attempt.url or "")}
