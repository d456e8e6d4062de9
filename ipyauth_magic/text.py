"""Text from outside the package, made safe to show to a person, and fit for the stream that shows it."""

import re
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


def encodable(text: str, stream: object) -> str:
    """Return *text* as *stream* can print it: a character that its encoding lacks becomes an escape.

    A terminal in a legacy encoding cannot print every name, and no sign-in may fail by that.
    """
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        return text.encode(encoding, "backslashreplace").decode(encoding)
    except (LookupError, UnicodeError):  # an encoding that Python does not know, or that has no backslash
        return text.encode("ascii", "backslashreplace").decode("ascii")


def counted(number: float, word: str) -> str:
    """Return *number* with *word*, which gets an s unless the number is 1: `1 second`, `1.5 seconds`."""
    return f"{number:g} {word}" if number == 1 else f"{number:g} {word}s"


LINE = 88
"""Characters of a line that fits a notebook. JupyterLab breaks the words of a longer one in two."""


def in_lines(text: str) -> str:
    """Return *text* with lines of at most `LINE` characters: a new one begins with a sentence, where there is one.

    What stands in backquotes, to be copied, stays on one line.
    """
    return "\n".join(laid_out for line in text.split("\n") for laid_out in _laid_out(line))


def _laid_out(line: str) -> list[str]:
    if len(line) <= LINE:
        return [line]
    import textwrap  # most sentences fit

    copied = re.sub(r"`[^`]*`", lambda match: match[0].replace(" ", "\0"), line)
    first, *others = re.split(r"(?<=[.?!]) (?=[A-Z`])", copied)
    lines = [first]
    for sentence in others:
        if len(f"{lines[-1]} {sentence}") > LINE:
            lines.append(f"  {sentence}")
        else:
            lines[-1] += f" {sentence}"
    wrapper = textwrap.TextWrapper(LINE, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return [part.replace("\0", " ") for each in lines for part in wrapper.wrap(each)]
