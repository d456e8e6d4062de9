"""What the words on a magic's line or on the command line say: options with a value that they take, and parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import Problem
from ..protocol.flow import FLOWS
from ..protocol.urls import why_not_an_api
from ..text import plain
from .checks import BadValue, checked
from .options import STORES
from .parameters import canonical_name

if TYPE_CHECKING:
    from argparse import Namespace

CHOICES = {"flow": tuple(FLOWS), "store": STORES}
"""The values of the options that take one of a few."""

BOTH = ("flow", "store", "timeout")
"""The options that are parameters too; on one line the option prevails."""


_OF_SEVERAL_WORDS = ("scope", "default_scope", "redirect_uri", "ui_locales", "acr_values")


class BadOption(ValueError):
    """An option that cannot be used as given; `str` gives a sentence."""


def check_options(options: Namespace) -> None:
    """Check what argparse does not; `flow`, `store` and `timeout` are checked with the parameters.

    Raises:
        BadOption: a value that an option does not take, or two options that contradict each other.
    """
    if problems := option_problems(options):
        raise BadOption("\n".join(map(str, problems)))


def option_problems(options: Namespace) -> list[Problem]:
    """Return what is wrong with *options* beside those that are parameters too."""
    problems = list(getattr(options, "problems", ()))
    if options.bind and not re.fullmatch(r"[0-9.]+|[0-9a-fA-F:]*:[0-9a-fA-F:.]*", options.bind):
        problems.append(Problem("--bind", "takes the address of a network interface, as `0.0.0.0`"))
    if options.renewable and options.no_renewable:
        problems.append(Problem("--renewable", "and `--no-renewable` contradict each other. Give one of them"))
    return problems


def renewable(options: Namespace) -> bool | None:
    """Return whether to ask for a refresh token: in any case, never, or, without an option, where the provider can."""
    return True if options.renewable else False if options.no_renewable else None


@dataclass(frozen=True)
class Line:
    """What a line says: its parameters, a profile, an API's address, what is wrong with its words, and further scopes.

    Attributes:
        added: the scopes of its words with a plus before them, separated by spaces.
    """

    parameters: Mapping[str, str]
    profile: str | None = None
    address: str | None = None
    problems: tuple[Problem, ...] = ()
    added: str = ""

    @property
    def about_added(self) -> tuple[Problem, ...]:
        """What is wrong where no sign-in is there to be added to."""
        sentence = 'adds to a sign-in in a notebook. Here, write all scopes, as `scope="..."`'
        return tuple(Problem(f"+{plain(each, 60)}", sentence) for each in self.added.split()[:1])


def line_of(options: Namespace) -> Line:
    """Return what the words and the options on a line say."""
    parameters: dict[str, str] = {}
    bare: list[str] = []
    problems: list[Problem] = []
    latest = None
    plus = [word for word in options.parameters if word.startswith("+")]
    for word in options.parameters:
        if word in plus:
            continue
        name, _, value = word.partition("=")
        if _is_assignment(word):
            latest = name
            if name in parameters:
                problems.append(Problem(name[:60], "is given twice. Keep one of them"))
            parameters[name] = value
        elif latest in _OF_SEVERAL_WORDS and (parameters[latest].endswith(",") or ":" in word):
            parameters[latest] += f" {word}"
            problems = [each for each in problems if each.meant != latest]
            right = " ".join(parameters[latest].replace(",", " ").split())
            problems.append(
                Problem(latest, f'has spaces, so it needs quotes. Write `{latest}="{right}"`', meant=latest)
            )
        else:
            bare.append(word)
    for problem in problems:
        if problem.meant:
            del parameters[problem.meant]  # one problem is enough
    for option in ("dotenv_file", "dotenv_folder"):
        if value := getattr(options, option):
            if option in parameters:
                problems.append(Problem(option, "is given twice. Keep one of them"))
            parameters[option] = value
    if options.flow:
        parameters.pop("response_type", None)
    chosen = {name: value for name in BOTH if (value := getattr(options, name)) is not None}
    address = next((word for word in bare if "://" in word), None)
    others = [word for word in bare if word is not address]
    about_bare = [*_about_address(address), *_about_bare(others)]
    profile = others[0] if others and not about_bare else None
    added = " ".join(_added(word, problems) for word in plus)
    return Line({**parameters, **chosen}, profile, address, (*problems, *about_bare), added)


def _added(word: str, problems: list[Problem]) -> str:
    """Return the scopes of *word*, which begins with a plus; what is wrong with them is added to *problems*."""
    try:
        if scope := checked("scope", word[1:]):
            return scope
        problems.append(Problem("+", "needs a scope right behind it, as `+read:items`"))
    except BadValue as error:
        problems.append(Problem(plain(word, 60), str(error).replace("`scope=", "`+")))
    return ""


def _about_address(address: str | None) -> list[Problem]:
    """Return what is wrong with the *address* of an API; it is not shown, because it may have a password in it."""
    sentence = why_not_an_api(address) if address else None
    return [Problem("the address", f"The address {sentence}")] if sentence else []


def _about_bare(words: Sequence[str]) -> list[Problem]:
    """Return what is wrong with *words* that are not KEY=VALUE; one of them may be the name of a profile."""
    if not words:
        return []
    last = plain(words[-1], 60)
    if canonical_name(words[-1]):
        return [Problem(last, f"has no value. Write `{last}=...`", meant=canonical_name(words[-1]))]
    if len(words) > 1:
        sentence = f"is neither an option nor KEY=VALUE, and the profile is `{plain(words[0], 60)}`"
        return [Problem(plain(each, 60), sentence) for each in words[1:]]
    if words[0].endswith(".env") or {"/", "\\"} & set(words[0]):
        sentence = f"is neither an option nor KEY=VALUE. For a dotenv file, write `-f {last}`"
        return [Problem(last, sentence, meant="dotenv_file")]
    return []


def profile_name(options: Namespace) -> str | None:
    """Return the word among *options* that is not KEY=VALUE: the name of a profile; None without one.

    Raises:
        BadOption: there are several such words, or it is an address or the name of a parameter.
    """
    return _sound(options).profile


def line_parameters(options: Namespace) -> dict[str, str]:
    """Return the parameters among *options*: each KEY=VALUE, and the options that stand for one.

    Raises:
        BadOption: a word cannot be used.
    """
    return dict(_sound(options).parameters)


def _sound(options: Namespace) -> Line:
    line = line_of(options)
    problems = [*line.problems, *line.about_added] or ([no_address()] if line.address else [])
    if problems:
        raise BadOption("\n".join(map(str, problems)))
    return line


def no_address() -> Problem:
    """Return the problem of an API's address where none is taken."""
    sentence = (
        "The address of an API is taken by `%login` in a notebook, and by `login()` in Python. Here, write "
        "`issuer=...` (or `domain=...`) and `client_id=...`"
    )
    return Problem("the address", sentence)


def _is_assignment(word: str) -> bool:
    return "=" in word and "://" not in word.partition("=")[0]


def warnings_about(options: Namespace, params_warnings: Sequence[str]) -> list[str]:
    """Return what the user should know before the sign-in: *params_warnings*, and what *options* open to others."""
    warnings = list(params_warnings)
    if options.bind:
        warnings.append(f"--bind {options.bind}: every computer that reaches that address reaches the listener too")
    return warnings
