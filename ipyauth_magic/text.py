"""Text from outside the package, made safe to show to a person."""

import unicodedata


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
