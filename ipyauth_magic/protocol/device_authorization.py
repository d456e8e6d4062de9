"""The device authorization response: the user code, and the page where the user enters it (RFC 8628, section 3.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import InvalidResponse
from .messages import MAX_LIFETIME
from .tokens import Masked
from .urls import is_safe_url, origin_of

DEFAULT_INTERVAL = 5
"""Seconds between two polls where the provider names none (section 3.2)."""

_LONGEST_INTERVAL = 300
_PRINTABLE = re.compile(r"[\x20-\x7e]{1,4096}")


class DeviceCode(Masked):
    """A `device_code`: a `str` whose `repr` is masked."""

    __slots__ = ()


@dataclass(frozen=True)
class DeviceAuthorization:
    """The code that the user enters on another device, with its page and its lifetime.

    Attributes:
        user_code: the user enters it at `verification_uri`.
        verification_uri_complete: a link that contains the code, or None. It has the origin of `verification_uri`,
            which is the one that a card names; another address is not used.
        expires_in: lifetime of both codes in seconds.
        interval: seconds between two polls of the token endpoint.
    """

    device_code: DeviceCode
    user_code: str
    verification_uri: str
    verification_uri_complete: str | None
    expires_in: int
    interval: float

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> DeviceAuthorization:
        """Return the response in *document*.

        Raises:
            InvalidResponse: a member is missing or invalid, or an address is not safe to open.
        """
        # A draft of the RFC called it `verification_url`, and Google still does.
        uri = document.get("verification_uri", document.get("verification_url"))
        complete = document.get("verification_uri_complete")
        if not is_safe_url(uri):
            raise InvalidResponse("verification_uri", "it has no verification_uri that is safe to open")
        return cls(
            device_code=DeviceCode(_text(document, "device_code")),
            user_code=_text(document, "user_code")[:100],
            verification_uri=str(uri),
            verification_uri_complete=str(complete) if _is_beside(complete, str(uri)) else None,
            expires_in=_seconds(document, "expires_in", MAX_LIFETIME),
            interval=_seconds(document, "interval", _LONGEST_INTERVAL, DEFAULT_INTERVAL),
        )


def _is_beside(complete: object, uri: str) -> bool:
    return is_safe_url(complete) and origin_of(str(complete)) == origin_of(uri)


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not _PRINTABLE.fullmatch(value):
        raise InvalidResponse(name, f"it has no {name}")
    return value


def _seconds(document: Mapping[str, Any], name: str, most: int, default: int | None = None) -> int:
    value = document.get(name, default)
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}(\.0{1,9})?", value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
        raise InvalidResponse(name, f"its {name} is not a number of seconds")
    return max(1, min(int(value), most))
