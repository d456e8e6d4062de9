"""`check`: the parts of a sign-in that work at a provider, before an application is registered there."""

from __future__ import annotations

from argparse import Namespace as Options

from ..provider.check import findings, with_some_client
from ..settings.line import line_parameters, profile_name
from ..settings.params import ParamsAuth0
from .output import FAILED, GOOD, say


def check(options: Options) -> int:
    """Print the parts of a sign-in that work at the provider of *options*, and the application to register.

    It signs in nowhere, and needs no `client_id`. The exit status is returned: `FAILED` if no flow works.

    Raises:
        BadOption, InvalidParams: the provider is not named, or a word cannot be used.
        ProviderError: the provider cannot be reached, or its documents cannot be used.
    """
    given, profile = with_some_client(line_parameters(options)), profile_name(options)
    found = findings(ParamsAuth0.from_magic(given, origin="the command line", profile=profile))
    say(found.issuer)
    for subject, answer, sentence in found.rows():
        say(f"  {subject:<10}  {answer:<8}  {sentence}")
    say(found.registration)
    return GOOD if found.can_sign_in else FAILED
