"""Text from outside, made fit to show to a person."""

import unicodedata


def plain(text: object, limit: int = 300) -> str:
    """Return *text* without control and formatting characters, at most *limit* characters long.

    Escape sequences, line breaks and the marks that reverse the direction of text are what somebody
    else's text could use to say something that it does not say.
    """
    kept = str(text)[: 4 * limit]
    if not (kept.isascii() and kept.isprintable()):  # as most text is; a look at each character costs a sign-in 0.1 ms
        kept = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in kept)
    words = " ".join(kept.split())
    return words if len(words) <= limit else words[: limit - 1] + "…"
