"""The claims of a token as tables, to read. No decision depends on them."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from ..protocol.tokens import TokenSet
from ..text import plain
from .card import AS_IT_IS, Card, Meter, Row, escaped, table
from .cards import duration, local_time

SPENT = frozenset({"nonce"})
"""Claims that are of no more use once the sign-in is over. `Auth.claims` leaves them out too."""

TIMES = frozenset({"exp", "iat", "nbf", "auth_time", "updated_at"})


@dataclass(frozen=True)
class Decoded:
    """Header and claims of a JWT, not verified."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]


def decode_unverified(token: str) -> Decoded | None:
    """Return header and claims of *token*, or None if it is not a signed JWT."""
    segments = token.split(".")
    if len(segments) != 3 or len(token) > 64 * 1024:
        return None
    try:
        header, claims = (json.loads(_decode(segment)) for segment in segments[:2])
    except (ValueError, RecursionError):
        return None
    return Decoded(header, claims) if isinstance(header, dict) and isinstance(claims, dict) else None


def shown(claims: Mapping[str, Any]) -> dict[str, Any]:
    """Return *claims* without those of `SPENT`."""
    return {name: value for name, value in claims.items() if name not in SPENT}


def claim_rows(claims: Mapping[str, Any]) -> list[Row]:
    """Return the claims to show as rows, with local time beside each number of `TIMES`."""
    return [(plain(name, 60), _value(name, value)) for name, value in shown(claims).items()]


def moment_of(value: object) -> datetime | None:
    """Return the time that the claim *value* is (RFC 7519, 2); None if it is not a time to show."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e11:
        return None
    return datetime.fromtimestamp(value, UTC)


def sections_of(tokens: TokenSet) -> tuple[list[tuple[str, list[Row]]], str]:
    """Return the claims of *tokens* under their titles, and sentences about tokens that are opaque or not there."""
    decoded = decode_unverified(tokens.access_token)
    sections = [("Access token: claims", claim_rows(decoded.claims))] if decoded else []
    if tokens.id_token is not None:
        sections.append(("ID token: claims, verified", claim_rows(tokens.claims)))
    elif tokens.userinfo:
        sections.append(("User: from the userinfo endpoint", claim_rows(tokens.userinfo)))
    notes = [] if decoded else ["The access token is opaque: only the API and its provider can read it."]
    if tokens.id_token is None:
        notes.append("There is no ID token: the provider gave none.")
    return sections, " ".join(notes)


def token_view(
    card: Card, sections: Sequence[tuple[str, Sequence[Row]]], left: float, lifetime: float
) -> dict[str, str]:
    """Return a MIME bundle: *card* with a bar of the lifetime (both in seconds), and a table for each of *sections*.

    In HTML the tables are folded, because the card has the facts that matter to most readers. An endless *lifetime* is
    one that is not known. It has no bar.
    """
    if lifetime < math.inf:
        share = max(0.0, min(1.0, left / lifetime)) if lifetime > 0 else 0.0
        said = f"{duration(left)} of {duration(lifetime)} left" if left > 0 else "ended"
        card = replace(card, meter=Meter(share, said))
    html = card.html() + "".join(_details(title, rows) for title, rows in sections)
    lines = [card.text()]
    for title, rows in sections:
        width = max((len(name) for name, _ in rows), default=0)
        lines += ["", title, *(f"  {name:<{width}}  {value}" for name, value in rows)]
    return {"text/html": html, "text/plain": "\n".join(lines)}


def _details(title: str, rows: Sequence[Row]) -> str:
    summary = f'<summary style="cursor:pointer">{escaped(title)} ({len(rows)})</summary>'
    return f'<details class="{AS_IT_IS}" style="margin-top:8px">{summary}{table(rows)}</details>'


def _value(name: str, value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if name in TIMES and (moment := moment_of(value)):
        text += f"  ({local_time(moment)})"
    return plain(text, 600)


def _decode(segment: str) -> str:
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)).decode("utf-8")
