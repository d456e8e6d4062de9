"""`ipyauth logout`: the tokens forgotten and revoked, and the session ended in the browser."""

from __future__ import annotations

from ..display.sign_out import signed_out_card
from ..errors import NotSignedIn
from ..flows.sign_out import sign_out
from .command import Command
from .output import FAILED, GOOD, say, say_card


def logout(command: Command) -> int:
    """Sign out as *command* says, and return the exit status.

    Raises:
        SignOutIncomplete: the tokens are erased, but not everything at the provider could be done.
    """
    try:
        signed_out = sign_out(command.authenticator, not command.options.no_browser)
    except NotSignedIn:
        say("You are not signed in for this.")
        return FAILED
    if signed_out.session is None and (signed_out.why_not_opened or not command.options.quiet):
        say_card(signed_out_card(signed_out))
    if signed_out.incomplete:
        raise signed_out.incomplete
    return GOOD
