"""What a provider's documents say that will work, for `check` of the command line and `%login --check`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..protocol.capabilities import Capability, can_sign_in, capabilities, client_to_register
from ..settings.parameters import canonical_name
from ..settings.params import Found, ParamsAuth0
from .protected_resource import find_api, find_server
from .provider import Provider

NO_CLIENT = "not-registered-yet"
"""The client ID in place of one: nothing that a check requests has a client."""

ANSWERS = {True: "yes", False: "no", None: "not said"}


@dataclass(frozen=True)
class Findings:
    """What was found at a provider.

    Attributes:
        issuer: the provider's name of itself.
        parts: the parts of a sign-in.
        registration: a sentence that says which application to register.
    """

    issuer: str
    parts: tuple[Capability, ...]
    registration: str

    @property
    def can_sign_in(self) -> bool:
        """Whether a flow works."""
        return can_sign_in(self.parts)

    def rows(self) -> list[tuple[str, str, str]]:
        """Return each part, its answer, and its sentence."""
        return [(each.subject, ANSWERS[each.works], each.sentence) for each in self.parts]


def with_some_client(given: Mapping[str, str]) -> dict[str, str]:
    """Return *given* with a `client_id`: a check works before an application is registered."""
    return dict(given) if "client_id" in map(canonical_name, given) else {**given, "client_id": NO_CLIENT}


def server_named_by(address: str) -> Found:
    """Return the authorization server that the API at *address* names, as a parameter.

    Raises:
        ProviderError: the API or the server cannot be reached, or what it says cannot be used.
    """
    return Found(address, {"issuer": find_server(find_api(address)).issuer})


def findings(params: ParamsAuth0) -> Findings:
    """Return what works at the provider of *params*; it is asked for its metadata only.

    Raises:
        ProviderError: the provider cannot be reached, or its documents cannot be used.
    """
    metadata = Provider.of(params.expected_issuer, params.discovery_url).metadata()
    return Findings(metadata.issuer, capabilities(metadata), client_to_register(metadata, params.redirect_uri))
