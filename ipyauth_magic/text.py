"""Text from outside the package, made safe to show to a person."""

import unicodedata

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"})
"""Categories of Unicode: controls, formatting, halves of a pair, and all that separates words or lines."""


def plain(text: object, limit: int = 300) -> str:
    """Return *text* without control and formatting characters, at most *limit* characters long.

    A provider's text could use escape sequences, line breaks or marks that reverse the direction of text to forge
    output of ours.
    """
    kept = str(text)[: 4 * limit]
    # Most text is plain ASCII. A look at each character would cost a sign-in 0.1 ms.
    if not (kept.isascii() and kept.isprintable()):
        kept = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in kept)
    words = " ".join(kept.split())
    return words if len(words) <= limit else words[: limit - 1] + "…"


def invisible_sign(text: str) -> str | None:
    """Return the name and the place of the first sign in *text* that is not seen, or None; a space is none of them.

    A zero-width space or a byte order mark comes along with pasted text, and no comparison by eye finds it.
    """
    if text.isascii() and text.isprintable():
        return None
    places = (i for i, c in enumerate(text) if c != " " and unicodedata.category(c) in _INVISIBLE)
    place = next(places, None)
    return None if place is None else named_sign(text, place)


def named_sign(text: str, place: int) -> str:
    """Return the sign at index *place* of *text* by name, number and place: `SOFT HYPHEN (U+00AD, at character 3)`."""
    sign = text[place]
    name = unicodedata.name(sign, "a control character")
    return f"{name} (U+{ord(sign):04X}, at character {place + 1})"
