"""`check`: the parts of a sign-in that work at a provider, before an application is registered there."""

from __future__ import annotations

from argparse import Namespace as Options
from collections.abc import Iterable

from ..protocol.capabilities import Capability, can_sign_in, capabilities, client_to_register
from ..provider.provider import Provider
from ..settings.line import line_parameters
from ..settings.parameters import canonical_name
from ..settings.params import ParamsAuth0
from .output import FAILED, GOOD, say

NO_CLIENT = "not-registered-yet"
"""The client ID in place of one: nothing that this command requests has a client."""

ANSWERS = {True: "yes", False: "no", None: "not said"}


def check(options: Options) -> int:
    """Print the parts of a sign-in that work at the provider of *options*, and the application to register.

    It signs in nowhere, and needs no `client_id`. The exit status is returned: `FAILED` if no flow works.

    Raises:
        BadOption, InvalidParams: the provider is not named, or a word cannot be used.
        ProviderError: the provider cannot be reached, or its documents cannot be used.
    """
    given = line_parameters(options)
    if "client_id" not in map(canonical_name, given):
        given["client_id"] = NO_CLIENT
    params = ParamsAuth0.from_magic(given, origin="the command line")
    metadata = Provider.of(params.expected_issuer, params.discovery_url).metadata()
    found = capabilities(metadata)
    say(metadata.issuer)
    for line in lines(found):
        say(line)
    say(client_to_register(metadata, params.redirect_uri))
    return GOOD if can_sign_in(found) else FAILED


def lines(found: Iterable[Capability]) -> list[str]:
    """Return *found* as lines with columns."""
    return [f"  {each.subject:<10}  {ANSWERS[each.works]:<8}  {each.sentence}" for each in found]
