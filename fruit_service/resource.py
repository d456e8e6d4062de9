"""The API as a protected resource: its URL, and what it publishes about itself (RFC 9728)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from .baskets import READ, WRITE

API = "/api/fruit"
METADATA = f"/.well-known/oauth-protected-resource{API}"
"""The path of the metadata (section 3.1)."""

_HERE = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]{1,5})?", re.IGNORECASE)


@dataclass(frozen=True)
class ProtectedResource:
    """The API that accepts tokens of *issuer*. *public_url* is the service's own URL without a path, or empty."""

    issuer: str
    public_url: str = ""

    def origin(self, host: str) -> str:
        """Return the URL, without a path, at which a request with this `Host` reached the service; empty if unknown."""
        return self.public_url or _origin_here(host)

    def metadata_url(self, host: str) -> str:
        """Return the URL of the metadata, for a challenge (section 5.1), or an empty text."""
        origin = self.origin(host)
        return f"{origin}{METADATA}" if origin else ""

    def metadata(self, origin: str) -> dict[str, Any]:
        """Return the metadata (section 2)."""
        return {
            "resource": f"{origin}{API}",
            "authorization_servers": [self.issuer],
            "scopes_supported": [*READ, *WRITE],
            "bearer_methods_supported": ["header"],
        }


@lru_cache(maxsize=64)  # a refusal must not cost more than an answer
def _origin_here(host: str) -> str:
    """Return the origin of *host* if it is a name of this machine, at any port: containers and tunnels change ports.

    Another name may be a stranger's (DNS rebinding), and whether the clients use https cannot be told.
    """
    return f"http://{host.lower()}" if _HERE.fullmatch(host) else ""
