"""What the words on a magic's line or on the command line say: options with a value that they take, and parameters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..protocol.flow import FLOWS
from .checks import is_timeout
from .options import STORES
from .parameters import canonical_name

if TYPE_CHECKING:
    from argparse import Namespace

CHOICES = {"flow": tuple(FLOWS), "store": STORES}
"""The values of the options that take one of a few."""


BOTH = ("flow", "store", "timeout")
"""The options that are parameters too; on one line the option prevails."""


class BadOption(ValueError):
    """An option that cannot be used as given; `str` gives a sentence."""


def check_options(options: Namespace) -> None:
    """Check what argparse does not.

    Raises:
        BadOption: a value that an option does not take, or two options that contradict each other.
    """
    if options.timeout is not None and not is_timeout(options.timeout):
        raise BadOption("--timeout takes a whole number of seconds from 1 to 3600.")
    if options.bind and not re.fullmatch(r"[0-9.]+|[0-9a-fA-F:]*:[0-9a-fA-F:.]*", options.bind):
        raise BadOption("--bind takes the address of a network interface, as 0.0.0.0.")
    for name, choices in CHOICES.items():
        if getattr(options, name) not in (None, *choices):
            raise BadOption(f"--{name} takes {' or '.join(choices)}.")
    if options.renewable and options.no_renewable:
        raise BadOption("--renewable and --no-renewable contradict each other.")


def renewable(options: Namespace) -> bool | None:
    """Return whether to ask for a refresh token: in any case, never, or, without an option, where the provider can."""
    return True if options.renewable else False if options.no_renewable else None


def profile_name(options: Namespace) -> str | None:
    """Return the word among *options* that is not KEY=VALUE: the name of a profile; None without one.

    Raises:
        BadOption: there are several such words, or it is an address or the name of a parameter.
    """
    words = [word for word in options.parameters if not _is_assignment(word)]
    if not words:
        return None
    shown = words[-1][:60]
    if canonical_name(words[-1]):
        raise BadOption(f"`{shown}` has no value. Write `{shown}=...`.")
    if len(words) > 1:
        raise BadOption(f"`{shown}` is neither an option nor KEY=VALUE, and the profile is `{words[0][:60]}`.")
    if "://" in words[0]:
        raise BadOption(
            f"`{shown}` alone does not say where to sign in. Write issuer=... (or domain=...) and client_id=..."
        )
    return str(words[0])


def _is_assignment(word: str) -> bool:
    return "=" in word and "://" not in word.partition("=")[0]


def line_parameters(options: Namespace) -> dict[str, str]:
    """Return the parameters among *options*: each KEY=VALUE, and the options that stand for one.

    Raises:
        BadOption: a parameter is given twice.
    """
    parameters: dict[str, str] = {}
    for word in filter(_is_assignment, options.parameters):
        name, _, value = word.partition("=")
        if name in parameters:
            raise BadOption(f"{name[:60]} is given twice.")
        parameters[name] = value
    for option in ("dotenv_file", "dotenv_folder"):
        if value := getattr(options, option):
            if option in parameters:
                raise BadOption(f"{option} is given twice.")
            parameters[option] = value
    if options.flow:
        parameters.pop("response_type", None)
    return {**parameters, **{name: value for name in BOTH if (value := getattr(options, name)) is not None}}


def warnings_about(options: Namespace, params_warnings: Sequence[str]) -> list[str]:
    """Return what the user should know before the sign-in: *params_warnings*, and what *options* open to others."""
    warnings = list(params_warnings)
    if options.bind:
        warnings.append(f"--bind {options.bind}: every computer that reaches that address reaches the listener too")
    return warnings
