"""Values that stand in documentation until a person writes the real ones, and were left as they are."""

from __future__ import annotations

import re

from ..text import plain
from .extra import PREFIX
from .parameters import CLIENT_SECRET

_OF_YOUR = (
    "account app application api auth0 audience auth aws azure callback client cognito company corp custom domain "
    "entra google here host hub id identifier instance issuer keycloak key name oauth okta org organization own pool "
    "project realm region resource scope secret server site sub subdomain tenant uri url user value"
).replace(" ", "|")
"""What documentation calls the reader's own."""

_NOUNS = "client|tenant|domain|api|id|secret|value|url"

_SOMEWHERE = re.compile(
    rf"""
    (?<![A-Za-z0-9]) YOUR[_-][A-Z0-9]                                   # YOUR_POOL_ID, in capitals
    | (?i: (?<![a-z0-9]) your (?:[-_ ]?(?:{_OF_YOUR})s?)+ (?![a-z0-9]) )  # your-tenant, yourOktaDomain, your client id
    | <[^<>]+> | \{{\{{?[\w .-]+\}}\}}?                                 # <client id>, {{tenantid}}
    | \.\.\. | \u2026                                                   # ..., abc...
    | (?i: (?<![a-z0-9.]) xxx (?![a-z0-9]) )                            # .xxx is a domain
    | (?i: (?<![a-z0-9]) x{{4,}} (?![a-z0-9]) | x{{6,}} )               # dev-xxxx
    | \b0{{8}}-0{{4}}-0{{4}}-0{{4}}-0{{12}}\b                           # as Microsoft writes an id
    """,
    re.VERBOSE,
)
"""What makes the value of a parameter of `_FOUND_AT` one, wherever it stands: no real value has it."""

_WHOLE = re.compile(
    rf"""
    <[^<>]+> | \{{+[\w .-]+\}}+ | \[[\w .-]+\] | \$\w+ | \$\([\w ]+\) | %\w+%   # a frame around a name, or a variable's
    | [.\u2026*?_-]{{2,}} | (?i:x{{3,}}(?:[-_.]x+)*)                            # nothing but signs
    | YOUR[-_ ][A-Z0-9_ -]+ | (?i: your(?:[-_ ]?(?:{_OF_YOUR})s?)+ )
    | (?i: todo | tbd | fixme | placeholder | (?:change|replace|fill)[-_ ]?(?:me|this|it|in)
         | (?:replace|insert|enter|put|paste)[-_ ](?:with|by|your|the|it|{_NOUNS}|here)(?![a-z0-9]).*
         | (?:[\w-]+[-_ ])?(?:{_NOUNS})[-_ ]here )
    """,
    re.VERBOSE,
)
"""What is one as a whole. A part of a secret or of a name may look like any of these."""

_LIST = ("scope", "default_scope", "redirect_uri")
"""A list of these may stand in brackets."""

_FOUND_AT = {
    "domain": "Copy Domain from your application's settings at Auth0. It looks like `tenant.eu.auth0.com`",
    "issuer": (
        "The provider's console names its issuer, mostly as an address with https://. Its discovery document has it too"
    ),
    "discovery_url": "Copy the address from the provider's console, or leave it out",
    "client_id": "Copy the Client ID from your application's settings at the provider",
    CLIENT_SECRET: "Copy the secret from your application's settings, or leave it out if the application has none",
    "audience": "Ask the API's owner for its identifier. At Auth0 it stands in the API's settings, as Identifier",
    "resource": "Ask the API's owner for its identifier, or leave it out",
    "scope": "Ask the API's owner which scopes it has",
    "redirect_uri": "Write the one that is registered for your application, or leave it out",
}
"""Where the value is found, as a sentence."""


def why_a_placeholder(name: str, value: str) -> str | None:
    """Return why *value* of parameter *name* cannot be meant, as a sentence without its subject; None if it can.

    A secret is not repeated. An `extra.NAME` may be JSON, and a file may have any name, so these are not looked at.
    """
    if name.startswith(("dotenv_", PREFIX)):
        return None
    is_one = _WHOLE.fullmatch(value) and not (name in _LIST and value.startswith("["))
    has_one = name in _FOUND_AT and name != CLIENT_SECRET and _SOMEWHERE.search(value)
    if not (is_one or has_one):
        return None
    shown = "a placeholder" if name == CLIENT_SECRET else f"the placeholder `{plain(value, 100).replace('`', '')}`"
    return f"is still {shown}. {_FOUND_AT.get(name, 'Write the value itself, or leave the name out')}"
