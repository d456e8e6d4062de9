"""The sign-ins that are kept here, and the one that the words of a command mean."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from ..errors import InvalidParams, StoreUnavailable
from ..flows.token_source import NEEDS_SECRET
from ..protocol.flow import CODE, Grant
from ..protocol.tokens import TokenSet
from ..settings.line import BadOption
from ..settings.parameters import DEFAULTS
from ..settings.params import ParamsAuth0, values_to_keep
from ..store import Store, StoreFailed
from ..store.key import store_key
from ..store.listing import kept_in
from ..text import plain

_NOTES = ("renewable", NEEDS_SECRET)
"""What a record notes beside parameters."""

_TELL_NOTHING = ("default_scope", "redirect_uri", "response_mode")
"""Parameters that make no two sign-ins different."""

_HAVE_NO_EMPTY = ("domain", "issuer", "--renewable")
"""Of other parameters, an empty value says that the sign-in has none."""

_STAND_IN = {"issuer": "https://issuer.example", "client_id": "none"}
"""In place of the parameters that are missing, to check the others."""


class NothingKept(LookupError):
    """No sign-in that is kept is meant; `str` gives a sentence."""


@dataclass(frozen=True)
class Asked:
    """What a sign-in is for, and how it is asked for."""

    params: ParamsAuth0
    grant: Grant

    @property
    def key(self) -> str:
        """The key under which a store keeps it."""
        return store_key(self.params, self.grant.store_name)


@dataclass(frozen=True)
class Kept:
    """A sign-in that a store keeps."""

    asked: Asked
    tokens: TokenSet
    store_name: str
    store: Store

    @property
    def lacks_secret(self) -> bool:
        """Whether its application has a secret that was not given now."""
        return NEEDS_SECRET in self.tokens.asked_for and self.asked.params.client_secret is None

    @property
    def words_not_given(self) -> list[str]:
        """The words that a command lacks to sign in for the same: what only the record says."""
        params, grant = self.asked.params, self.asked.grant
        of_record = {name for name, origin in _origins(params).items() if origin.startswith(_BELOW)}
        kept = {name: value for name, value in values_to_keep(params).items() if name in of_record}
        words = [_word(name, value) for name, value in kept.items() if value != DEFAULTS.get(name)]
        if grant.flow is not CODE and "flow" in of_record:
            words.append(f"--flow {grant.flow.name}")
        return words

    @property
    def words(self) -> dict[str, str]:
        """The words by which a command tells it from others, by the name of the parameter or the option."""
        params, grant = values_to_keep(self.asked.params), self.asked.grant
        own = {name: _word(name, value) for name, value in params.items() if name not in _TELL_NOTHING}
        own["--flow"] = f"--flow {grant.flow.name}"
        own["--store"] = f"--store {self.store_name}"
        if grant.flow.may_be_renewable:
            own["--renewable"] = "--renewable" if grant.wants_renewal else "--no-renewable"
        return own


@dataclass(frozen=True)
class Given:
    """What the user gave on the command line.

    Attributes:
        line: the parameters, by name.
        profile: the name of a profile.
        renewable: of `--renewable` and `--no-renewable`.
    """

    line: Mapping[str, str]
    profile: str | None = None
    renewable: bool | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing was given that says which sign-in is meant."""
        return not (self.line.keys() - {"store", "timeout"} or self.profile) and self.renewable is None

    def asked(self, below: Mapping[str, str] | None = None, grant: Grant | None = None) -> Asked:
        """Return what is asked for: what was given, the file, the environment, and where these are silent *below*.

        Raises:
            InvalidParams: names every missing or bad parameter at once.
        """
        params = ParamsAuth0.from_magic(
            self.line,
            configuration=below,
            origin="the command line",
            profile=self.profile,
            default_flow=CODE.name,
            below=_BELOW,
        )
        renewable = self.renewable if self.renewable is not None or grant is None else grant.renewable
        return Asked(params, Grant.of(params.response_type, params.flow, renewable))

    def check(self) -> Asked:
        """Check what was given, not whether it is enough, and return it with a stand-in for what is missing.

        Raises:
            InvalidParams: names every bad parameter at once.
        """
        return self.asked(_STAND_IN)


_BELOW = "the sign-in that is kept"


def _origins(params: ParamsAuth0) -> dict[str, str]:
    return {row.name: row.origin for row in params.explain()}


def listed(stores: Iterable[tuple[str, Store]]) -> list[Kept]:
    """Return the sign-ins that *stores*, each with its name, keep.

    Raises:
        StoreUnavailable: a store cannot be read, as a keyring that is locked.
    """
    found = []
    for name, store in stores:
        try:
            records = kept_in(store)
        except StoreFailed as failure:
            reason = f"it is locked, broken, or not yours to write ({failure})"
            raise StoreUnavailable(failure.store, reason) from None
        found += [kept for key, tokens in records if (kept := _readable(key, tokens, name, store)) is not None]
    return found


def _readable(key: str, tokens: TokenSet, store_name: str, store: Store) -> Kept | None:
    """Return what is kept under *key*; None where the record does not say what it is for."""
    if (grant := Grant.from_kept(tokens.asked_for)) is None:
        return None
    # Empty, so that the environment's values do not take the place of those that the record has not.
    line = {"audience": "", "redirect_uri": "", **_parameters(tokens)}
    with suppress(InvalidParams):
        asked = Asked(ParamsAuth0.from_magic(line, origin=_BELOW), grant)
        if asked.key == key:
            return Kept(asked, tokens, store_name, store)
    return None


def _parameters(tokens: TokenSet) -> dict[str, str]:
    return {name: value for name, value in tokens.asked_for.items() if name not in _NOTES}


def chosen(given: Given, kept: Sequence[Kept], line: str) -> Kept | None:
    """Return the sign-in of *kept* that *given* means; None if none of them is meant.

    It is the one that is asked for with exactly these parameters. Without that one, it is the only one whose parameters
    are *given* and more.

    Args:
        given: what the user gave.
        kept: the sign-ins to choose from; of two equal ones the first counts.
        line: the command, for the lines that the error proposes.

    Raises:
        BadOption: several are meant.
        InvalidParams: something that was given is wrong.
    """
    given.check()
    found = list(_matching(given, kept))
    with suppress(InvalidParams):  # there is more to give
        key = given.asked().key
        for each in found:
            if each.asked.key == key:
                return each
    if len(found) > 1:
        raise BadOption(_several(found, line))
    return found[0] if found else None


def _matching(given: Given, kept: Iterable[Kept]) -> Iterator[Kept]:
    for each in kept:
        with suppress(InvalidParams):  # what was given does not go with what is kept
            asked = given.asked(_parameters(each.tokens), each.asked.grant)
            if asked.key == each.asked.key:
                yield replace(each, asked=asked)


def _several(found: Sequence[Kept], line: str) -> str:
    """Return what there is, with the words to add for each."""
    all_words = [each.words for each in found]
    lines = [line + "".join(f" {word}" for word in _telling(words, all_words)) for words in all_words]
    column = max(map(len, lines))
    users = [plain(each.tokens.logged_as, 60) for each in found]
    shown = [f"  {each:<{column}}  ({user})" for each, user in zip(lines, users, strict=True)]
    return "\n".join([f"{len(found)} sign-ins are kept that this may mean. Run one of these lines:", *shown])


def _telling(words: Mapping[str, str], all_words: Sequence[Mapping[str, str]]) -> list[str]:
    """Return what tells *words* from the others of *all_words*: one of them, if one is enough."""
    names = dict.fromkeys(name for each in all_words for name in each)
    different = {name: len({each.get(name) for each in all_words}) for name in names}
    alone = next((name for name in names if different[name] == len(all_words)), None)
    telling = [alone] if alone else [name for name in names if different[name] > 1]
    return [words.get(name, f"{name}=") for name in telling if name in words or name not in _HAVE_NO_EMPTY]


def _word(name: str, value: str) -> str:
    return shlex.quote(f"{name}={value}")
