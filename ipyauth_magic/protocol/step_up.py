"""What a sign-in is to bring beyond an earlier one: further scopes, or another authentication of the user."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StepUp:
    """What a sign-in is to bring beyond the present one.

    Attributes:
        scope: further scopes, separated by spaces.
        acr_values: classes of authentication, one of which is wanted, separated by spaces.
        max_age: seconds that the user's last active sign-in may be ago; empty for any time.
    """

    scope: str = ""
    acr_values: str = ""
    max_age: str = ""

    def __bool__(self) -> bool:
        return bool(self.scope or self.is_about_user)

    @property
    def is_about_user(self) -> bool:
        """Whether another authentication of the user is wanted, which no token tells."""
        return bool(self.acr_values or self.max_age)

    def is_met_by(self, scope: str) -> bool:
        """Tell whether a token with the granted *scope* is enough."""
        return not self.is_about_user and not self.missing_from(scope)

    def missing_from(self, scope: str) -> tuple[str, ...]:
        """Return the scopes wanted that are not in *scope*."""
        granted = scope.split()
        return tuple(each for each in self.scope.split() if each not in granted)


NOTHING_MORE = StepUp()


def gains_nothing(before: str, after: str) -> bool:
    """Tell whether the granted scopes *after* a step-up were all granted *before*."""
    return set(after.split()) <= set(before.split())
