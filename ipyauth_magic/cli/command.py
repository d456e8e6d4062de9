"""What the commands work with: the parameters, the store, the tokens in it, and the sign-in."""

from __future__ import annotations

import shlex
import sys
from argparse import Namespace as Options
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from ..errors import StoreUnavailable
from ..flows.token_source import TokenSource
from ..protocol.flow import Grant
from ..settings.line import BadOption, line_parameters, profile_name, renewable, warnings_about
from ..settings.params import ParamsAuth0
from ..store import Store
from ..store.opening import open_store
from .output import warn

if TYPE_CHECKING:
    from ..auth import Auth
    from ..flows.authenticator import Authenticator

PROGRAM = "python -m ipyauth_magic"


FORMATS = ("token", "header")
"""What `token --format` takes."""


def check_token_options(options: Options) -> None:
    """Check the options of `token` alone.

    Raises:
        BadOption: another command has one of them, or `--format` has a value that it does not take.
    """
    if options.command != "token":
        if options.raw:
            raise BadOption("--raw is an option of token.")
        if options.format is not None:
            raise BadOption("--format is an option of token.")
    if options.format not in (None, *FORMATS):
        raise BadOption("--format takes token or header.")


class Command:
    """What one command works with; each part is made by its first use.

    Raises:
        BadOption: a word is neither an option nor KEY=VALUE, or a parameter is given twice.
        InvalidParams: names every missing or bad parameter at once.
    """

    def __init__(self, options: Options, arguments: Sequence[str]) -> None:
        self.options = options
        self._arguments = arguments
        line = line_parameters(options)
        self.params = ParamsAuth0.from_magic(line, origin="the command line", profile=profile_name(options))
        for warning in warnings_about(options, self.params.warnings):
            warn(warning)

    @cached_property
    def store(self) -> tuple[str, Store]:
        """The store's name, and the store: the one asked for, else a real keyring, else files."""
        is_attended = sys.stderr.isatty()
        if self.params.store:
            return self.params.store, open_store(self.params.store, warn, is_attended)
        try:
            return "keyring", open_store("keyring", warn, is_attended)
        except StoreUnavailable:
            return "file", open_store("file", warn)

    @cached_property
    def kept(self) -> TokenSource:
        """The tokens of an earlier sign-in, if there are any."""
        grant = Grant.of(self.params.response_type, self.params.flow, renewable(self.options))
        kept = TokenSource(self.params, grant, self.store[1])
        kept.adopt()
        return kept

    @cached_property
    def auth(self) -> Auth:
        """The sign-in itself; it takes longer to load."""
        from ..auth import Auth

        options, store = self.options, self.store[1]
        asks, bind, paste = renewable(options), options.bind, options.paste
        return Auth(self.params, store=store, renewable=asks, bind=bind, paste=paste)

    @property
    def authenticator(self) -> Authenticator:
        """What the sign-in works with."""
        from ..auth import authenticator_of

        return authenticator_of(self.auth)

    @property
    def has_asked(self) -> bool:
        """Whether a sign-in was begun, which holds a port while it waits."""
        return "auth" in vars(self) and self.authenticator.sign_in is not None

    def ask(self) -> None:
        """Sign in, as a cell does."""
        from ..display.panel import panel
        from ..display.view import card_of

        options, shown = self.options, panel()
        self.authenticator.authenticate(shown, None, not options.no_browser, options.force)
        shown.end(None if options.quiet else card_of(self.authenticator))

    def login_line(self) -> str:
        """Return the line that signs in for the same."""
        words, given = [], iter(self._arguments)
        for word in given:
            if word == "--format":
                next(given, None)  # its value
            elif word not in ("--raw", "--force") and not word.startswith("--format="):
                words.append(word)
        words.remove(self.options.command)
        return f"{PROGRAM} {shlex.join(['login', *words])}"
