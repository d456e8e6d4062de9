"""What %login does with the address of an API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, replace
from typing import TYPE_CHECKING

from ..display.cards import introduction_card
from ..display.panel import introduce
from ..flows.by_address import ByAddress, Introduction, stand_in
from ..settings.line import line_of, renewable
from ..settings.params import Found, ParamsAuth0
from .auth0_magic import auth_for, requested, sign_in
from .login_magic import DEFAULT_FLOW

if TYPE_CHECKING:
    from argparse import Namespace as Options

    from .namespace import Namespace


def names_api(options: Options) -> bool:
    """Return whether there is the address of an API among *options*."""
    return line_of(options).address is not None


def sign_in_by_address(
    options: Options,
    cell: str | None,
    configuration: Mapping[str, str],
    namespace: Namespace,
) -> None:
    """Ask the API where to sign in, name both hosts, sign in there, and bind the variables.

    Raises:
        InvalidParams: names every bad option and parameter at once. Nothing has been asked then.
        IpyauthError: there is no token; the sentence tells why.
    """
    line, take_away = line_of(options), []
    _name_all(options)
    request = requested(options, cell, configuration, DEFAULT_FLOW, stand_in(str(line.address)))

    def make(found: Found) -> ParamsAuth0:
        return ParamsAuth0.from_magic(
            line.parameters, cell, configuration, profile=line.profile, default_flow=DEFAULT_FLOW, found=found
        )

    def show(told: Introduction) -> None:
        take_away.append(introduce(introduction_card(*astuple(told))))

    def attempt(params: ParamsAuth0) -> None:
        asked = replace(request, params=params)
        auth, authenticator = auth_for(asked, namespace)
        if options.force or not authenticator.without_user():
            by_address.introduce()
        sign_in(auth, authenticator, asked, namespace)

    by_address = ByAddress(str(line.address), make, show, renewable=renewable(options))
    by_address.sign_in(attempt)
    for each in take_away:
        each()


def _name_all(options: Options) -> None:
    """Give all three variables names of the one that the user chose: `work`, `work_token` and `work_api`."""
    name = options.auth_name
    options.api_name = "api" if name == "auth" else f"{name}_api"
    if name != "auth" and options.token_name == "token":
        options.token_name = f"{name}_token"
