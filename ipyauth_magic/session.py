"""`ipyauth_magic.session`: the session that sends a token, as the documentation names it."""

from .clients.requests_session import TokenSession

__all__ = ["TokenSession"]
