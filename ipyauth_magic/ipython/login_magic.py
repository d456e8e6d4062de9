"""What %%login does beyond %%auth0, and what %logout does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from IPython.core.error import UsageError

from ..auth import Auth, authenticator_of
from ..display.card import Card, Sentence
from ..display.panel import show
from ..display.sign_out import sign_out
from ..display.view import signed_in
from ..provider.check import findings, server_named_by, with_some_client
from ..settings.line import BadOption, line_of, line_parameters, option_problems, profile_name
from ..settings.params import ParamsAuth0
from ..settings.profiles import check_savable, profile_names, save_profile, shown_path, with_whole_paths
from ..settings.resolve import typed_values

if TYPE_CHECKING:
    from argparse import Namespace as Options

    from ..flows.authenticator import Authenticator
    from .namespace import Namespace

DEFAULT_FLOW = "code"
"""Where neither an option nor any other place says how to sign in."""


def check(options: Options, cell: str | None, configuration: Mapping[str, str]) -> None:
    """Show the parts of a sign-in that work at the provider, and the application to register; sign in nowhere.

    Raises:
        BadOption, InvalidParams: the provider is not named, or a word cannot be used.
        ProviderError: the provider cannot be reached, or its documents cannot be used.
    """
    if options.save:
        raise BadOption("--check signs in nowhere, so there is nothing to save. Leave --save out.")
    line = line_of(options)
    given, problems = with_some_client(line.parameters), [*option_problems(options), *line.problems, *line.about_added]
    said = server_named_by(line.address) if line.address and not problems else None
    found = findings(
        ParamsAuth0.from_magic(
            given, cell, configuration, profile=line.profile, default_flow=DEFAULT_FLOW, problems=problems, found=said
        )
    )
    rows = [(subject, Sentence(f"{answer}: {sentence}")) for subject, answer, sentence in found.rows()]
    mood = "good" if found.can_sign_in else "bad"
    show(Card(mood, f"What works at {found.issuer}", rows, note=found.registration).bundle())


def to_save(options: Options, cell: str | None) -> Mapping[str, str]:
    """Return what the line and the cell say, for the profile that `--save` names; they have no problems.

    Raises:
        BadOption: the line names another profile, whose values would be lost.
        InvalidParams: the profile cannot be saved under this name.
    """
    if line_of(options).address:
        raise BadOption("--save keeps parameters, and not the address of an API. Leave --save out.")
    if (other := profile_name(options)) is not None:
        shown = other[:60]
        raise BadOption(
            f"--save keeps what the line and the cell say, not what profile `{shown}` says. Leave `{shown}` out."
        )
    values = with_whole_paths(typed_values(line_parameters(options), cell), Path.cwd())
    check_savable(options.save, values, options.force)
    return values


def save(options: Options, values: Mapping[str, str]) -> None:
    """Write *values* as the profile that `--save` names, and say where it is, unless `--quiet` is given.

    Raises:
        InvalidParams: it cannot be written.
    """
    path = save_profile(options.save, values, options.force)
    if not options.quiet:
        print(f"Profile `{options.save}` is saved in {shown_path(path)}. `%login {options.save}` signs in with it.")


def logout(namespace: Namespace, options: Options, configuration: Mapping[str, str]) -> None:
    """Sign out, and take away the variables with the token; the `Auth` stays, and can sign in again.

    Raises:
        UsageError: NAME is neither a variable of a sign-in nor a profile.
        SignOutIncomplete: the tokens are erased, but not everything at the provider could be done.
    """
    found = _latest() if options.name is None else _named(namespace, options.name, configuration)
    try:
        sign_out(found, not options.no_browser)
    finally:
        namespace.drop_tokens(found)


def _latest() -> Authenticator | None:
    return next(reversed(signed_in()), None)


def _named(namespace: Namespace, name: str, configuration: Mapping[str, str]) -> Authenticator:
    """Return the sign-in of a variable, or of a profile, which another session may have made."""
    value = namespace.value(name)
    auth = value if isinstance(value, Auth) else namespace.find(name)
    if auth is not None:
        return authenticator_of(auth)
    if name not in profile_names():
        raise UsageError(
            f"`{name[:60]}` is not a variable of a sign-in, and not a profile. `%token --list` lists the sign-ins."
        )
    known = {(each.params, each.grant): each for each in signed_in()}  # two stores of one place are not equal
    candidates = [known.get((each.params, each.grant), each) for each in _of_profile(name, configuration)]
    return next((each for each in candidates if each.adopt()), candidates[0])


def _of_profile(name: str, configuration: Mapping[str, str]) -> Iterator[Authenticator]:
    """Return what `%login NAME` and `%auth0 NAME` sign in with."""
    for default_flow in (DEFAULT_FLOW, None):
        params = ParamsAuth0.from_magic({}, None, configuration, profile=name, default_flow=default_flow)
        yield authenticator_of(Auth(params))
