"""A provider, and an API that takes its tokens: what stands around a notebook."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Site:
    """One provider as a user names it in a cell, and the fruit API that trusts it.

    Attributes:
        provider: `domain=...` or `issuer=...`.
        issuer: the provider's exact issuer.
        redirect_uri: where the kernel listens.
        api: the address of the fruit API, without a slash at the end.
    """

    provider: str
    issuer: str
    redirect_uri: str
    api: str

    @property
    def port(self) -> int:
        """The port at which the kernel listens."""
        port = urlsplit(self.redirect_uri).port
        assert port is not None
        return port

    def cell(self, line: str = "", *more: str, scope: str = "read:exotic-fruit write:usual-fruit") -> str:
        """Return an `%%auth0` cell with the options *line* and *more* lines in its body."""
        return "\n".join([f"%%auth0 {line}".rstrip(), *self.parameters(scope), *more])

    def line(self, options: str = "", scope: str = "read:exotic-fruit write:usual-fruit") -> str:
        """Return the same as one `%auth0` line."""
        quoted = [f'"{each}"' if " " in each else each for each in self.parameters(scope)]
        return " ".join(["%auth0", *quoted, options]).rstrip()

    def parameters(self, scope: str) -> list[str]:
        """Return the parameters, each as `name=value`."""
        return [
            self.provider,
            "client_id=ipyauth-demo",
            f"redirect_uri={self.redirect_uri}",
            "audience=api/fruit",
            f"scope={scope}",
        ]

    def dotenv(self) -> str:
        """Return the file of the guide's own example."""
        lines = [
            self.provider,
            "client_id=ipyauth-demo",
            f"redirect_url={self.redirect_uri}",
            "audience=api/fruit",
            "requested_scopes=read:usual-fruit",
        ]
        return "\n".join(lines) + "\n"
