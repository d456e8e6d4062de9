"""What the commands work with: the parameters, the store, the tokens in it, and the sign-in."""

from __future__ import annotations

import shlex
from argparse import Namespace as Options
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from ..errors import InvalidParams
from ..flows.token_source import TokenSource
from ..settings.line import BadOption, line_parameters, profile_name, renewable, warnings_about
from ..store import Store
from .kept import Asked, Given, Kept, NothingKept, chosen, listed
from .output import warn
from .parsers import program
from .stores import LISTED, open_stores

if TYPE_CHECKING:
    from ..auth import Auth
    from ..flows.authenticator import Authenticator


class Command:
    """What one command works with; each part is made by its first use.

    Raises:
        BadOption: a word is neither an option nor KEY=VALUE, or a parameter is given twice.
    """

    def __init__(self, options: Options, arguments: Sequence[str]) -> None:
        self.options = options
        self._arguments = arguments
        self.given = Given(line_parameters(options), profile_name(options), renewable(options))

    @property
    def line(self) -> str:
        """The command as it was typed."""
        return shlex.join([*program().split(), *self._arguments])

    @cached_property
    def all_kept(self) -> list[Kept]:
        """Every sign-in in the store that was asked for, else in each store that can be listed.

        Raises:
            StoreUnavailable: a store cannot be read.
        """
        return listed((name, store) for name in LISTED if (store := self._stores.get(name)) is not None)

    @cached_property
    def found(self) -> Kept | None:
        """The sign-in that the words mean, of those that are kept; None if there is none.

        Raises:
            BadOption: they may mean several.
            InvalidParams: a parameter is wrong.
        """
        return chosen(self.given, self.all_kept, self.line) if self.options.command != "login" else None

    @cached_property
    def asked(self) -> Asked:
        """What the sign-in is for.

        Raises:
            InvalidParams: names every missing or bad parameter at once.
            NothingKept: parameters are missing, and no sign-in that is kept has them.
        """
        asked = self.found.asked if self.found is not None else self._asked_alone()
        for warning in warnings_about(self.options, asked.params.warnings):
            warn(warning)
        return asked

    def _asked_alone(self) -> Asked:
        """Return what was given, where no sign-in that is kept is meant."""
        try:
            return self.given.asked()
        except InvalidParams:
            if self.options.command == "login" or not (self.given.is_empty or self.all_kept):
                raise
        if self.all_kept:
            for warning in self.given.check().params.warnings:
                warn(warning)
            raise NothingKept(
                f"No sign-in that is kept has these parameters.\n`{program()} status` shows those that are kept. "
                f"`{program()} login` signs in."
            )
        raise NothingKept(f"No sign-in is kept here.\nSign in first: `{program()} login` shows the line to fill in.")

    @cached_property
    def store(self) -> tuple[str, Store]:
        """The store's name, and the store: that of the sign-in found, else the one asked for, else the default."""
        if self.found is not None:
            return self.found.store_name, self.found.store
        return next(iter(self._stores.items()))

    @cached_property
    def _stores(self) -> dict[str, Store]:
        return open_stores(self.given.check().params.store)

    @cached_property
    def kept(self) -> TokenSource:
        """The tokens of an earlier sign-in, if there are any.

        Raises:
            BadOption: they cannot be used without the application's secret, which was not given.
        """
        kept = TokenSource(self.asked.params, self.asked.grant, self.store[1])
        kept.adopt()
        if self.options.command == "token" and not kept.is_good and self.found is not None and self.found.lacks_secret:
            raise BadOption(
                "This application has a secret, and no secret is kept with tokens.\nAdd the dotenv file that has it "
                "(-f FILE), or set AUTH0_CLIENT_SECRET."
            )
        return kept

    @cached_property
    def auth(self) -> Auth:
        """The sign-in itself; it takes longer to load."""
        from ..auth import Auth

        options, asked, kept_in = self.options, self.asked, self.store[1]
        asks = asked.grant.renewable
        return Auth(asked.params, store=kept_in, renewable=asks, bind=options.bind, paste=options.paste)

    @property
    def authenticator(self) -> Authenticator:
        """What the sign-in works with."""
        from ..auth import authenticator_of

        return authenticator_of(self.auth)

    def interrupted(self) -> str:
        """Return the sentences for an interrupt."""
        if "auth" not in vars(self):  # no sign-in was begun
            return "Interrupted."
        from ..display.view import interrupted

        return interrupted(self.authenticator)

    def ask(self) -> None:
        """Sign in, as a cell does."""
        from ..display.view import view_of
        from .panel import CommandPanel

        options, shown = self.options, CommandPanel()
        self.authenticator.authenticate(shown, None, not options.no_browser, options.force)
        shown.end(None if options.quiet else view_of(self.authenticator).card(self.store_row))

    @property
    def store_row(self) -> tuple[tuple[str, str], ...]:
        """The row of a card that names the store."""
        return (("Store", self.store[0]),)

    def login_line(self) -> str:
        """Return the line that signs in for the same."""
        words, given = [], iter(self._arguments[1:])
        for word in given:
            if word == "--format":
                next(given, None)  # its value
            elif word not in ("--raw", "--force") and not word.startswith("--format="):
                words.append(word)
        typed, more = shlex.join([*program().split(), "login", *words]), []
        if self.found is not None:
            more = self.found.words_not_given
            if self.found.store_name != next(iter(self._stores)):
                more.append(f"--store {self.found.store_name}")
        return " ".join([typed, *more])
