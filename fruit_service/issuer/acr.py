"""The class of sign-in that a request asks for (RFC 9470; OpenID Connect Core, section 3.1.2.1)."""

from __future__ import annotations

from authlib.oauth2 import OAuth2Error

from ..sign_in import MULTI_FACTOR
from .messages import Request
from .switches import Switches


class UnmetAuthenticationRequirementsError(OAuth2Error):
    """The user cannot sign in as requested (RFC 9470, section 5)."""

    error = "unmet_authentication_requirements"


def check_acr_values(request: Request, switches: Switches) -> None:
    """Refuse an authorization request for classes of sign-in that are not here (RFC 9470, section 5)."""
    asked = request.acr_values if switches.honours_acr_values else []
    if asked and MULTI_FACTOR not in asked:
        raise UnmetAuthenticationRequirementsError("This issuer has no sign-in of the requested acr_values.")


def needed_acr(request: Request, switches: Switches) -> str | None:
    """Return the class of sign-in that *request* needs, or None."""
    is_asked = switches.honours_acr_values and MULTI_FACTOR in request.acr_values
    return MULTI_FACTOR if is_asked else None
