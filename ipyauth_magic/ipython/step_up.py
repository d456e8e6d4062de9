"""`%login +SCOPE`, `%login acr_values=...` and `%login max_age=...`: a sign-in of before, for more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from IPython.core.error import UsageError

from ..auth import Auth, authenticator_of
from ..display.cards import ready
from ..errors import InvalidParams, Problem
from ..protocol.step_up import StepUp
from ..settings.checks import BadValue, checked
from ..settings.line import line_of, option_problems
from .auth0_magic import authenticate

if TYPE_CHECKING:
    from argparse import Namespace as Options

    from ..flows.authenticator import Authenticator
    from .namespace import Namespace

_OF_USER = ("acr_values", "max_age")


@dataclass(frozen=True)
class Step:
    """What a line asks for beyond the sign-in of *auth*, and how many seconds to wait; None for its own time."""

    auth: Auth
    more: StepUp
    timeout: float | None

    @property
    def authenticator(self) -> Authenticator:
        """What signs in for `auth`."""
        return authenticator_of(self.auth)


def step_of(options: Options, cell: str | None, namespace: Namespace) -> Step | None:
    """Return the step that the line means; None where it has parameters of a sign-in of its own, or there is no other.

    Raises:
        UsageError: the sign-ins there are stand in other variables.
        InvalidParams: a word cannot be used.
    """
    line = line_of(options)
    own = {name: value for name, value in line.parameters.items() if name in _OF_USER}
    is_of_its_own = line.profile or line.address or (cell or "").strip()
    is_alone = not is_of_its_own and set(line.parameters) <= {*own, "timeout"}
    if not is_alone or not (own or line.added):
        return None
    if (auth := _named(options.auth_name, namespace, bool(line.added))) is None:
        return None
    problems = [*option_problems(options), *line.problems]
    values = {name: _value(name, value, problems) for name, value in line.parameters.items()}
    if problems:
        raise InvalidParams(problems)
    timeout = float(values["timeout"]) if "timeout" in values else None
    return Step(auth, StepUp(line.added, values.get("acr_values", ""), values.get("max_age", "")), timeout)


def _named(name: str, namespace: Namespace, is_sure: bool) -> Auth | None:
    """Return the `Auth` of variable *name*; *is_sure*: the line says that one is meant."""
    value = namespace.value(name)
    auth = value if isinstance(value, Auth) else namespace.find(name)
    others = [each for each in namespace.names() if isinstance(namespace.value(each), Auth)]
    if auth is None and others and is_sure:
        names = " or ".join(f"`-a {each}`" for each in others)
        raise UsageError(f"`{name[:60]}` is not a variable of a sign-in. Add {names} to the line.")
    return auth


def _value(name: str, value: str, problems: list[Problem]) -> str:
    try:
        return checked(name, value)
    except BadValue as error:
        problems.append(Problem(name, str(error)))
        return ""


def take(step: Step, options: Options, namespace: Namespace) -> None:
    """Sign in for more, show the card, and put the new token in the variables that hold an earlier one.

    Raises:
        NothingGranted: the provider granted none of the further scopes.
        IpyauthError: there is no other token; the sentence tells why. The earlier one is kept.
    """
    namespace.latest = step.authenticator
    tokens = [name for name in namespace.names(step.auth) if isinstance(namespace.value(name), str)]
    names = ready(options.auth_name, next(iter(tokens), ""))
    authenticate(step.authenticator, options, names, step.more, step.timeout)
    namespace.rebind(step.auth)
