"""Text from outside the package, made safe to show to a person, and fit for the stream that shows it."""

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


def encodable(text: str, stream: object) -> str:
    """Return *text* as *stream* can print it: a character that its encoding lacks becomes an escape.

    A terminal in a legacy encoding cannot print every name, and no sign-in may fail by that.
    """
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        return text.encode(encoding, "backslashreplace").decode(encoding)
    except (LookupError, UnicodeError):  # an encoding that Python does not know, or that has no backslash
        return text.encode("ascii", "backslashreplace").decode("ascii")
