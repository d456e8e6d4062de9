"""The variables that sign-ins were bound to in the user's namespace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..auth import Auth


class Namespace:
    """Which variable holds the token or the `Auth` of which sign-in; the user may have bound it to another value since.

    Args:
        shell: the IPython shell of the variables.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._auths: dict[str, Auth] = {}
        self._bound: dict[str, object] = {}

    def bind(self, token_name: str, auth_name: str, auth: Auth) -> None:
        """Put the token and *auth* in variables."""
        self._push({token_name: auth.access_token, auth_name: auth})
        self._auths.update({token_name: auth, auth_name: auth})

    def rebind(self, auth: Auth) -> None:
        """Put the new token of *auth* in the variables that hold its token."""
        self._push({name: auth.access_token for name in self.names(auth) if self._shell.user_ns[name] is not auth})

    def drop(self, auth: Auth | None = None) -> None:
        """Take away the variables of *auth*, or of all, except those that the user bound to another value."""
        for name in self.names(auth):
            del self._auths[name]
            self._bound.pop(name, None)
            self._shell.drop_by_id({name: self._shell.user_ns[name]})

    def named(self, name: str) -> Auth | None:
        """Return the `Auth` that was bound to *name*, whatever is there now."""
        return self._auths.get(name)

    def find(self, name: str) -> Auth | None:
        """Return the `Auth` whose token, of whatever time, or which itself is in the variable *name*."""
        value = self._shell.user_ns.get(name)
        auth = self._auths.get(name)
        if auth is None or value is None:
            return None
        return auth if value is auth or value is self._bound.get(name) or _holds(auth, value) else None

    def value(self, name: str) -> object:
        """Return what is in the variable *name*, or None."""
        return self._shell.user_ns.get(name)

    def names(self, auth: Auth | None = None) -> list[str]:
        """Return the variables of *auth*, or of all."""
        found = {name: each for name in self._auths if (each := self.find(name)) is not None}
        return [name for name, each in found.items() if auth is None or each is auth]

    def known(self) -> list[str]:
        """Return every name that was ever bound, for completion."""
        return list(self._auths)

    def _push(self, variables: dict[str, Any]) -> None:
        """Bind *variables*, out of sight of `%whos`."""
        self._shell.push(variables, interactive=False)
        self._bound.update(variables)


def _holds(auth: Auth, value: object) -> bool:
    from ..auth import authenticator_of

    tokens = authenticator_of(auth).source.tokens
    return tokens is not None and isinstance(value, str) and tokens.access_token == value
