"""How an application with a secret authenticates at the token endpoint (RFC 6749, 2.3.1; OpenID Connect Core, 9)."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ..errors import ProviderError
from ..text import plain
from .tokens import AuthorizationHeader, ClientSecret


def authenticated(
    form: Mapping[str, str], client_secret: ClientSecret | None, methods: Collection[str]
) -> tuple[Mapping[str, str], AuthorizationHeader | None]:
    """Return *form* and the `Authorization` header, one of them with *client_secret*; only one may have it (2.3).

    Args:
        form: the request's parameters, with `client_id`.
        client_secret: None for an application without a secret.
        methods: of the provider's metadata; an empty list stands for `client_secret_basic` (Discovery, 3).

    Raises:
        ProviderError: the provider takes neither a secret nor an application without one.
    """
    if client_secret is None:
        return form, None
    if client_secret.method:
        methods = (client_secret.method,)
    # In the body first: servers disagree on the encoding of a header's secret (2.3.1), and not on that of a form.
    if "client_secret_post" in methods:
        return {**form, "client_secret": client_secret}, None
    if not methods or "client_secret_basic" in methods:
        # `client_id` is for applications that do not authenticate (4.1.3), and some servers refuse both.
        others = {name: value for name, value in form.items() if name != "client_id"}
        return others, AuthorizationHeader.basic(form["client_id"], client_secret)
    if "none" in methods:
        return form, None
    raise ProviderError(
        "The provider does not take a client secret. It authenticates applications by "
        f"{plain(', '.join(methods), 200)}. Register an application without a secret (public), and remove "
        "`client_secret`."
    )
