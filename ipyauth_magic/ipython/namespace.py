"""The variables that sign-ins were bound to in the user's namespace."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ..auth import Auth
    from ..flows.authenticator import Authenticator


class Namespace:
    """Which variable holds the token or the `Auth` of which sign-in; the user may have bound it to another value since.

    Args:
        shell: the IPython shell of the variables.

    Attributes:
        latest: the sign-in of the last cell, also if it failed; None before the first.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        self._auths: dict[str, Auth] = {}
        self._bound: dict[str, object] = {}
        self._profiles: set[str] = set()
        self.latest: Authenticator | None = None

    def bind(self, token_name: str, auth_name: str, auth: Auth) -> None:
        """Put the access token of *auth*, and *auth* itself, in variables."""
        self._push({token_name: auth.access_token, auth_name: auth})
        self._auths.update({token_name: auth, auth_name: auth})

    def bind_session(self, name: str, auth: Auth) -> None:
        """Put a session of *auth*, for the one API that gets its token, in a variable."""
        self._push({name: auth.session()})
        self._auths[name] = auth

    def bind_profile(self, name: str, auth: Auth) -> None:
        """Put *auth*, of the profile called *name*, in a variable of that name too, if that is free."""
        is_ours = name in self._profiles and self.find(name) is not None
        if is_ours or name not in self._shell.user_ns:
            self._push({name: auth})
            self._auths[name] = auth
            self._profiles.add(name)

    def rebind(self, auth: Auth) -> None:
        """Put the present access token of *auth* in the variables that hold an earlier one."""
        self._push({name: auth.access_token for name in self.names(auth) if isinstance(self.value(name), str)})

    def drop(self, auth: Auth | None = None) -> None:
        """Take away the variables of *auth*, or of all, except those that the user bound to another value."""
        self._take_away(self.names(auth))

    def drop_tokens(self, authenticator: Authenticator | None) -> None:
        """Take away the variables that hold a token of *authenticator*."""
        from ..auth import authenticator_of

        ours = [name for name in self.names() if authenticator_of(self._auths[name]) is authenticator]
        self._take_away([name for name in ours if self.value(name) is not self._auths[name]])

    def named(self, name: str) -> Auth | None:
        """Return the `Auth` that *name* was bound for last, whatever the variable holds now."""
        return self._auths.get(name)

    def find(self, name: str) -> Auth | None:
        """Return the `Auth` that *name* was bound for, if the variable still holds it or one of its tokens."""
        auth, value = self._auths.get(name), self.value(name)
        if auth is None or value is None:
            return None
        return auth if value is auth or value is self._bound.get(name) or _holds(auth, value) else None

    def value(self, name: str) -> object:
        """Return what variable *name* holds now, also if it is not ours; None if there is no such variable."""
        return self._shell.user_ns.get(name)

    def names(self, auth: Auth | None = None) -> list[str]:
        """Return the variables of *auth*, or of all, that were not bound to another value since."""
        found = {name: each for name in self._auths if (each := self.find(name)) is not None}
        return [name for name, each in found.items() if auth is None or each is auth]

    def known(self) -> list[str]:
        """Return every name that was bound and not taken away, for completion."""
        return list(self._auths)

    def _take_away(self, names: list[str]) -> None:
        for name in names:
            del self._auths[name]
            self._bound.pop(name, None)
            self._shell.drop_by_id({name: self.value(name)})

    def _push(self, variables: dict[str, object]) -> None:
        """Bind *variables*; `%who` and `%whos` do not list them."""
        self._shell.push(variables, interactive=False)
        self._bound.update(variables)


def _holds(auth: Auth, value: object) -> bool:
    """Tell whether *value* is the access token of *auth*, ended or not."""
    from ..auth import authenticator_of

    tokens = authenticator_of(auth).source.tokens
    return tokens is not None and isinstance(value, str) and tokens.access_token == value
