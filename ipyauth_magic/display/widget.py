"""The live widget of an `Auth`: its content, its buttons, and its state, which may be saved.

The state of a widget is written into notebooks, so it has only the facts of the card: the user, the API, the scopes and
the expiry. All other data go by custom messages, which are not saved: the link (with `state` and `nonce`), the claims,
the token for the clipboard, and the progress of the moment, which would be false in a notebook that is opened again.

A message of the kernel reaches every front end, and passes a socket that other users of the machine may read. So the
token is encrypted for the page that asks for it, with a public key that comes with the request.

A message from the page reaches the kernel only between cells (ipykernel 6 and 7.4), and on other threads than the main
one (7.0 to 7.3). Each is answered by `heard` at once, so that the page knows, and done in a thread of its own.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from importlib.resources import files
from typing import Any, TypedDict

import anywidget
import traitlets
from IPython.display import display

from ..errors import IpyauthError
from ..flows.authenticator import Authenticator
from ..flows.sign_in import Progress, SignIn
from ..flows.sign_out import sign_out
from ..protocol.sealing import seal
from ..provider.threads import start_thread
from .card import Card
from .cards import HINT, HINT_OF_OWN
from .claims import sections_of
from .qr import GET_QR, lacks_segno, qr_image
from .sign_out import signed_out_card
from .view import view_of

_logger = logging.getLogger("ipyauth_magic")


def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


class FromPage(TypedDict):
    """A message from the page: the user pressed a button in one view. With `copy`, `key` is the view's key, a JWK."""

    action: str
    view: str
    key: Any


class ToView(TypedDict, total=False):
    """A message to one view: `heard`, `claims` or `token`. `sealed` is the token, as a JWE for the key of the view."""

    event: str
    view: str
    action: str
    sections: list[Any]
    note: str
    sealed: str


class Present(TypedDict, total=False):
    """A message to all views: what is going on now. `open` names the view that is to open the link.

    `left` of the `whole` seconds remain. `end` is a link at which the provider's session ends. `address` is the
    redirect URI, after the words of `hint`. `get` tells how to get a QR code.
    """

    event: str
    doing: str
    note: str
    told: str
    end: str
    url: str
    open: str
    left: float
    whole: float
    hint: str
    address: str
    get: str
    code: str
    page: str
    image: tuple[str, int]


class AuthWidget(anywidget.AnyWidget):
    """The widget of one `Auth`, with all its views; thread-safe.

    No thread takes another lock while it holds this one's: a thread that calls `refresh` may hold others.
    """

    _esm = _read("widget.js")
    _css = _read("widget.css")
    state = traitlets.Dict().tag(sync=True)

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator
        self._turn = threading.RLock()
        self._doing = self._note = self._opener = ""
        self._dismissed: SignIn | None = None
        self._left: Card | None = None
        self._actions: dict[str, Callable[[FromPage], None]] = {
            "hello": lambda asked: self.refresh(),
            "sign_in": self._sign_in,
            "renew": self._renew,
            "stop": lambda asked: authenticator.stop(),
            "sign_out": self._sign_out,
            "clear": self._clear,
            "inspect": self._inspect,
            "copy": self._copy,
        }
        super().__init__(state=view_of(authenticator).state())
        self.on_msg(self._received)

    def show(self) -> None:
        """Show another view; where there can be no widget, the card."""
        data, metadata = super()._repr_mimebundle_() or ({}, {})
        display(data | view_of(self._authenticator).card().bundle(), metadata=metadata, raw=True)

    def refresh(self) -> None:
        """Bring every view up to date."""
        try:
            with self._turn:
                self.state = view_of(self._authenticator).state()
                self.send(self._present())
        except Exception:
            _logger.exception("The widget could not be shown")  # no sign-in or renewal fails by its display

    def _present(self) -> Present:
        """Return what is going on; the link is to be opened once, by the view whose button was pressed."""
        sign_in = self._authenticator.sign_in
        present: Present = {"event": "present", "doing": self._doing, "note": self._note}
        if (card := self._left) is not None:
            present |= {"told": card.note, "end": card.link.url if card.link else ""}
        if sign_in is None or sign_in is self._dismissed:
            return present
        progress = sign_in.progress
        if progress.is_over:
            return present | {"note": self._note or str(progress.error or "")}
        if progress.url is None:
            return present | {"doing": "asking"}
        opener, self._opener = self._opener, ""
        waiting: Present = {"doing": "waiting", "url": progress.url, "open": opener}
        return present | waiting | _time_left(progress) | (_device(progress) or _registration(progress))

    def _received(self, _: object, content: FromPage, buffers: object) -> None:
        """Answer a message from the page at once; runs in whichever thread the kernel has for it."""
        action, view = (str(content.get(name, "")) for name in ("action", "view"))
        if action in self._actions:
            self._tell({"event": "heard", "action": action, "view": view})
            asked: FromPage = {"action": action, "view": view, "key": content.get("key")}
            start_thread(lambda: self._act(asked), "ipyauth-widget")

    def _act(self, asked: FromPage) -> None:
        """Do what is *asked*; what fails is told in every view."""
        if asked["action"] != "hello":
            self._forget_failures()
        try:
            self._actions[asked["action"]](asked)
        except IpyauthError as error:
            self._now(note=str(error))
        except Exception as error:
            _logger.exception("A button of the widget met a defect")
            self._now(note=f"This failed by a defect of ipyauth-magic ({type(error).__name__}); the log tells more.")

    def _forget_failures(self) -> None:
        """Tell no longer what failed before; the page takes it away by itself."""
        with self._turn:
            sign_in = self._authenticator.sign_in
            self._dismissed = sign_in if sign_in is not None and sign_in.progress.is_over else None
            self._note, self._left = "", None

    def _now(self, doing: str = "", note: str = "") -> None:
        """Tell every view what is going on, and what failed."""
        with self._turn:
            self._doing, self._note = doing, note
        self.refresh()

    def _sign_in(self, asked: FromPage, renew: bool = False) -> None:
        """Let the view open the provider's page, unless tokens can be had without the user."""
        self._now("renewing" if renew else "asking")
        if not self._authenticator.without_user(renew):
            with self._turn:
                self._opener = asked["view"]
            self._authenticator.offer()
        self._now()

    def _renew(self, asked: FromPage) -> None:
        self._sign_in(asked, renew=True)

    def _clear(self, asked: FromPage) -> None:
        self._authenticator.clear()

    def _sign_out(self, asked: FromPage) -> None:
        """Sign out, and offer the link at which the provider's session ends where the kernel could not open it."""
        self._now("leaving")
        signed_out = sign_out(self._authenticator)
        with self._turn:
            self._left = signed_out_card(signed_out) if signed_out.session is None else None
        self._now(note=str(signed_out.incomplete or ""))

    def _inspect(self, asked: FromPage) -> None:
        sections, note = sections_of(self._authenticator.source.current)
        self._tell({"event": "claims", "view": asked["view"], "sections": sections, "note": note})

    def _copy(self, asked: FromPage) -> None:
        token = self._authenticator.source.get().access_token
        self._tell({"event": "token", "view": asked["view"], "sealed": seal(token.encode("ascii"), asked["key"])})

    def _tell(self, message: ToView) -> None:
        # Not `_send`: ipywidgets has a method of that name.
        self.send(message)


def _time_left(progress: Progress) -> Present:
    """Return the time that is left of the wait, and the whole."""
    left, share = progress.seconds_left, progress.share_left
    return {"left": left, "whole": left / share if share else left}


def _registration(progress: Progress) -> Present:
    """Return what to register where the provider shows an error page."""
    if progress.is_registered_here:
        return {"hint": HINT_OF_OWN}
    return {"hint": HINT.replace("`", ""), "address": progress.redirect_uri} if progress.redirect_uri else {}


def _device(progress: Progress) -> Present:
    """Return the code to enter on another device, where the sign-in is by one."""
    asked = progress.device
    if asked is None:
        return {}
    codes: Present = {"open": "", "code": asked.user_code, "page": asked.verification_uri}
    return codes | {"image": qr_image(progress.url or ""), "get": GET_QR.replace("`", "") if lacks_segno() else ""}
