"""What a line of %%auth0 or %login means: more of an earlier sign-in, or one of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .auth0_magic import auth_for, requested, sign_in
from .step_up import step_of, take

if TYPE_CHECKING:
    from argparse import Namespace as Options

    from .namespace import Namespace


def sign_in_as_asked(
    options: Options,
    cell: str | None,
    configuration: Mapping[str, str],
    namespace: Namespace,
    default_flow: str | None = None,
) -> None:
    """Sign in as the line and the cell say, and bind the variables.

    Raises:
        UsageError, InvalidParams: the line or the cell cannot be used.
        IpyauthError: there is no token; the sentence tells why.
    """
    if (step := step_of(options, cell, namespace)) is not None:
        take(step, options, namespace)
        return
    request = requested(options, cell, configuration, default_flow)
    auth, authenticator = auth_for(request, namespace)
    sign_in(auth, authenticator, request, namespace)
