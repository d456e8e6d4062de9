"""A token set as bytes for a store, and back, with a check of every value."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ..protocol.tokens import AccessToken, IdToken, RefreshToken, TokenSet

LIMIT = 1024 * 1024
"""Bytes; a record has a few thousand."""

VERSION = 4

_FIELDS = {
    *("version", "key", "access_token", "id_token", "scope"),
    *("expires_at", "obtained_at", "claims", "refresh_token", "userinfo", "sign_in_id", "asked_for"),
}
_TOKEN = re.compile(r"[\x20-\x7e]+")  # 1*VSCHAR: RFC 6749, A.12 and A.17
_SCOPE = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]*")  # RFC 6749, A.4


_SIGN_IN_ID = re.compile(r"[0-9A-Za-z_-]{0,100}")


class _Odd(ValueError):
    """A value that no record of ours has."""


def encode(key: str, tokens: TokenSet) -> bytes | None:
    """Return *tokens* as ASCII JSON that names *key*; None if `decode` would not return them."""
    fields = {
        "version": VERSION,
        "key": key,
        "access_token": tokens.access_token,
        "id_token": tokens.id_token,
        "scope": tokens.scope,
        "expires_at": None if tokens.expires_at is None else _moment(tokens.expires_at),
        "obtained_at": _moment(tokens.obtained_at),
        "claims": dict(tokens.claims),
        "refresh_token": tokens.refresh_token,
        "userinfo": dict(tokens.userinfo),
        "sign_in_id": tokens.sign_in_id,
        "asked_for": dict(tokens.asked_for),
    }
    try:
        data = json.dumps(fields).encode("ascii")
    except (TypeError, ValueError, RecursionError):
        return None
    return None if decode(key, data) is None else data


def decode(key: str, data: bytes) -> TokenSet | None:
    """Return the tokens in *data*; None if it is incomplete, of another key or version, over 1 MiB, or not valid."""
    try:
        return _decode(key, data) if len(data) <= LIMIT else None
    except (ValueError, OverflowError, RecursionError):
        return None


def _decode(key: str, data: bytes) -> TokenSet:
    fields = json.loads(data.decode("ascii"), object_pairs_hook=_object, parse_constant=_refuse)
    if not isinstance(fields, dict) or fields.keys() != _FIELDS:
        raise _Odd
    if type(fields["version"]) is not int or fields["version"] != VERSION or fields["key"] != key:
        raise _Odd
    id_token, refresh_token, expires_at = fields["id_token"], fields["refresh_token"], fields["expires_at"]
    tokens = TokenSet(
        access_token=AccessToken(_text(fields["access_token"], _TOKEN)),
        id_token=None if id_token is None else IdToken(_text(id_token, _TOKEN)),
        scope=_text(fields["scope"], _SCOPE),
        expires_at=None if expires_at is None else _parse_moment(expires_at),
        obtained_at=_parse_moment(fields["obtained_at"]),
        claims=_parse_claims(fields["claims"], is_empty=id_token is None),
        refresh_token=None if refresh_token is None else RefreshToken(_text(refresh_token, _TOKEN)),
        userinfo=_parse_claims(fields["userinfo"], is_empty=id_token is not None or fields["sign_in_id"] != ""),
        sign_in_id=_text(fields["sign_in_id"], _SIGN_IN_ID),
        asked_for=_parse_texts(fields["asked_for"]),
    )
    if tokens.expires_at is not None and tokens.obtained_at > tokens.expires_at:
        raise _Odd
    return tokens


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Odd
    return found


def _refuse(constant: str) -> None:
    raise _Odd


def _text(value: object, pattern: re.Pattern[str]) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _Odd
    return value


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def _parse_moment(value: object) -> datetime:
    if not isinstance(value, str):
        raise _Odd
    moment = datetime.fromisoformat(value)
    if moment.utcoffset() != timedelta(0) or moment.isoformat() != value:
        raise _Odd
    return moment


def _parse_texts(value: object) -> Mapping[str, str]:
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise _Odd
    return value


def _parse_claims(value: object, is_empty: bool) -> Mapping[str, Any]:
    """Return claims with a subject; where *is_empty*, there must be none."""
    if is_empty and value == {}:
        return {}
    if is_empty or not isinstance(value, dict) or not isinstance(value.get("sub"), str) or not value["sub"]:
        raise _Odd
    return value
