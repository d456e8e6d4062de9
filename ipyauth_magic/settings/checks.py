"""What the value of each parameter may be."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from ..protocol.flow import FLOWS
from ..protocol.tokens import ClientSecret
from ..text import invisible_sign, named_sign, plain
from .addresses import BadValue as BadValue
from .addresses import checked_discovery_url, checked_domain, checked_issuer, checked_redirect_uris
from .dotenv import Unfilled
from .extra import PREFIX, why_not
from .nearest import did_you_mean, most_alike
from .options import STORES
from .parameters import KNOWN_VALUES
from .pasted import words_in_list
from .placeholders import why_a_placeholder

_NO_SCOPE = re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e]")  # RFC 6749, 3.3
_NO_CLIENT_ID = re.compile(r"[^\x21-\x7e]")  # RFC 6749, A.1, without spaces
_OPENING, _CLOSING = "\u201c\u201d\u201e\u2018\u2019\u201a\u00ab\u2039", "\u201c\u201d\u2018\u2019\u00bb\u203a"
"""Typographic quotes."""

PROMPTS = (*KNOWN_VALUES["prompt"], "create")  # OpenID Connect Core, 3.1.2.1; Initiating User Registration, 4.1
_TOO_BIG = 10**18  # Python writes no number of over 4300 digits


def checked(name: str, value: object) -> str:
    """Return *value* as the text of parameter *name*; an empty text means that the parameter is not set.

    A number becomes digits, a list of words one text with spaces between them.

    Raises:
        BadValue: with a sentence that says what the parameter takes.
    """
    if name.startswith(PREFIX) and (sentence := why_not(name.removeprefix(PREFIX))):
        raise BadValue(sentence)
    given = as_text(value)
    if any(ord(c) < 0x20 or ord(c) == 0x7F for c in given):
        raise BadValue("must not contain line breaks or other control characters. Type the value again")
    text = _without_quotes(given.strip())
    if given and not text:
        raise BadValue("is blank. Give it a value, or leave the name out")
    # The name of a folder or file may hold such a sign, and is not typed by a person at the provider.
    if not name.startswith("dotenv_") and (sign := invisible_sign(text)):
        raise BadValue(f"contains {sign}, which is not seen. Type the value again, or paste it as plain text")
    if text and (sentence := why_a_placeholder(name, text)):
        raise BadValue(sentence)
    check = _CHECKS.get(name)
    return check(text) if check and text else text


def as_text(value: object) -> str:
    """Return *value* as text, before any check of its own.

    Raises:
        BadValue: it is not a text, a whole number or several words.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, Unfilled):
        raise BadValue(
            f"has {value}, which is not filled in. A value takes names from the lines above it, and AUTH0_* variables "
            "without secrets. Write the value itself"
        )
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _TOO_BIG:
        return str(value)
    if isinstance(value, Iterable) and not isinstance(value, Mapping):
        words = list(value)
        if all(isinstance(word, str) for word in words):
            return " ".join(words)
    raise BadValue(f"must be text, not {type(value).__name__}")


def _without_quotes(text: str) -> str:
    """Return *text* without the typographic quotes around it, which a word processor or a web page makes of `"`."""
    is_quoted = len(text) > 1 and text[0] in _OPENING and text[-1] in _CLOSING
    return text[1:-1].strip() if is_quoted else text


def _response_type(value: str) -> str:
    words = sorted(value.split())
    if words == ["id_token", "token"]:
        return "token id_token"
    if words == ["code"]:
        return "code"
    near = did_you_mean(value, ("code", "token id_token", "id_token token"))
    raise BadValue(f"must be `token id_token` (implicit) or `code` (authorization code + PKCE).{near}")


def _response_mode(value: str) -> str:
    if value not in KNOWN_VALUES["response_mode"]:
        near = did_you_mean(value, KNOWN_VALUES["response_mode"])
        raise BadValue(f"must be `fragment`, `form_post` or, with response_type=code, `query`.{near}")
    return value


def _prompt(value: str) -> str:
    # Providers have values of their own, so a value that is like none of the standard's goes through.
    for word in value.split():
        if word not in PROMPTS and (near := most_alike(word, PROMPTS, cutoff=0.8)):
            raise BadValue(f"has `{plain(word, 60)}`, which no standard knows. Did you mean `{near}`?")
    return value


def _client_id(value: str) -> str:
    if odd := _NO_CLIENT_ID.search(value):
        sign = named_sign(value, odd.start())
        raise BadValue(
            f"has {sign}, and a Client ID has letters, digits and signs only. Copy it from your application's settings"
        )
    return value


def _client_secret(value: str) -> str:
    if not value.isascii():
        raise BadValue("must be ASCII letters, digits and signs. Copy it from your application's settings again")
    return ClientSecret(value)


def _scope(value: str, name: str = "scope") -> str:
    value = words_in_list(value)
    words = value.split()
    # A comma within a scope is part of it (RFC 6749, 3.3).
    bare = value.removeprefix("[").removesuffix("]")
    if bare != value or any(word != word.strip(",;") for word in words):
        right = plain(" ".join(re.sub(r"[,;\"']", " ", bare).split()), 1000)
        raise BadValue(f"has commas or brackets among the scopes. Write `{name}={right}`")
    if odd := _NO_SCOPE.search(value):
        sign = named_sign(value, odd.start())
        raise BadValue(
            f"has {sign}, and scopes have ASCII letters, digits and signs only (RFC 6749, 3.3). Write them with spaces "
            "between them"
        )
    return " ".join(words)


def _extra(value: str) -> str:
    raise BadValue(
        "takes the name of a parameter after a dot, as `extra.kc_idp_hint=github`. In Python it is a dict, as "
        '`extra={"kc_idp_hint": "github"}`'
    )


def _max_age(value: str) -> str:
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise BadValue("must be a whole number of seconds, in digits")
    return value


def _one_of(value: str, choices: Sequence[str]) -> str:
    if value not in choices:
        first = ", ".join(f"`{each}`" for each in choices[:-1])
        raise BadValue(f"must be {first} or `{choices[-1]}`.{did_you_mean(value, choices)}")
    return value


def _timeout(value: str) -> str:
    if not is_timeout(value):
        raise BadValue("must be a whole number of seconds from 1 to 3600")
    return value


def is_timeout(value: str) -> bool:
    """Return whether *value* is a time to wait for a sign-in, in seconds."""
    return re.fullmatch(r"[0-9]{1,4}", value) is not None and 1 <= int(value) <= 3600


_CHECKS: Mapping[str, Callable[[str], str]] = {
    "response_type": _response_type,
    "response_mode": _response_mode,
    "domain": checked_domain,
    "issuer": checked_issuer,
    "discovery_url": checked_discovery_url,
    "client_id": _client_id,
    "client_secret": _client_secret,
    "redirect_uri": checked_redirect_uris,
    "scope": _scope,
    "default_scope": partial(_scope, name="default_scope"),
    "flow": partial(_one_of, choices=tuple(FLOWS)),
    "store": partial(_one_of, choices=STORES),
    "timeout": _timeout,
    "extra": _extra,
    "max_age": _max_age,
    "prompt": _prompt,
}
