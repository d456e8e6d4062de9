"""An API's refusal of a token, and what would be enough for it (RFC 6750, section 3.1; RFC 9470, section 3)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .challenge import Challenge, challenges
from .step_up import StepUp

# RFC 6749, 3.3, without the signs that a magic's line, a shell or Python reads in a way of its own: what an API says
# stands in a line that the user may copy and run.
_HARMLESS = re.compile(r"[A-Za-z0-9._~:/@+=*-]{1,200}")
_MOST = 20
_SECONDS = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class Refusal:
    """An API's refusal of a good token that is not enough.

    Attributes:
        wants: what would be enough; nothing where the API does not say it, or not in a form that can be used.
        is_about_user: it is the authentication of the user that is not enough, and not a scope.
    """

    wants: StepUp
    is_about_user: bool = False


def refusal_of(status: int, www_authenticate: str) -> Refusal | None:
    """Return what an answer with *status* and this header says that a good token lacks, or None.

    The header is a stranger's. A scope or another value with signs that could do harm in a line to be copied is left
    out, as all of a list that is too long.
    """
    if status not in (401, 403):
        return None
    for challenge in challenges(www_authenticate):
        error, said = _error(challenge), challenge.parameters
        if error == "insufficient_scope":
            return Refusal(StepUp(scope=_usable(said.get("scope", ""))))
        if error == "insufficient_user_authentication":
            max_age = said.get("max_age", "")
            seconds = max_age if _SECONDS.fullmatch(max_age) else ""
            return Refusal(StepUp(acr_values=_usable(said.get("acr_values", "")), max_age=seconds), is_about_user=True)
    return None


def is_invalid_token(www_authenticate: str) -> bool:
    """Tell whether an API says that the token itself is of no use (RFC 6750, 3.1), so that another one may be."""
    return any(_error(each) == "invalid_token" for each in challenges(www_authenticate))


def _error(challenge: Challenge) -> str:
    """Return the error code of a challenge for bearer tokens; empty for any other."""
    return challenge.parameters.get("error", "").lower() if challenge.scheme == "bearer" else ""


def _usable(words: str) -> str:
    """Return *words*, each once, or nothing if one of them cannot stand in a line to be copied."""
    each_once = list(dict.fromkeys(words.split()))
    return " ".join(each_once) if len(each_once) <= _MOST and all(map(_HARMLESS.fullmatch, each_once)) else ""
