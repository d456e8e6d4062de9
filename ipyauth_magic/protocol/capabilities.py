"""The parts of a sign-in that work at a provider, by its metadata (Discovery, 3; RFC 8414, 2; RFC 9207, 3)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ..text import plain
from .flow import OFFLINE_ACCESS
from .metadata import ProviderMetadata
from .signing_keys import ALGORITHMS

ENDS = {
    "revocation_endpoint": ("revocation", "A sign-out revokes the tokens.", "The tokens stay good until they end."),
    "end_session_endpoint": (
        "sign-out",
        "The provider has a page that ends its session.",
        "Sign out on the provider's own pages.",
    ),
    "userinfo_endpoint": ("userinfo", "`auth.userinfo()` has an address.", "`auth.claims` has the user's claims."),
}
"""Endpoints that no flow needs: the subject, and a sentence for a provider that has one and that has none."""


@dataclass(frozen=True)
class Capability:
    """One part of a sign-in at a provider.

    Attributes:
        subject: a flow, or a word for another part.
        works: whether it works; None where the metadata do not say.
        sentence: why, or what to do.
    """

    subject: str
    works: bool | None
    sentence: str


def capabilities(metadata: ProviderMetadata) -> tuple[Capability, ...]:
    """Return each part of a sign-in, with what *metadata* say of it; the flows come first."""
    return (
        _code(metadata),
        _implicit(metadata),
        _device(metadata),
        _algorithms(metadata),
        _renewal(metadata),
        *(_end(metadata, name) for name in ENDS),
        _issuer_in_responses(metadata),
    )


def can_sign_in(found: Collection[Capability]) -> bool:
    """Return whether a flow among *found* works, and ID tokens can be verified."""
    works = {each.subject: each.works for each in found}
    return any(works[flow] for flow in ("code", "implicit", "device")) and works["ID token"] is not False


def client_to_register(metadata: ProviderMetadata, redirect_uri: str) -> str:
    """Return a sentence that says which application to register, with *redirect_uri* (RFC 8252, 7.3 and 8.5)."""
    uris = " and ".join(redirect_uri.split())
    client = f"Register a public client (native, desktop or mobile application) with the redirect URI {uris}"
    methods = metadata.auth_methods.get("token_endpoint", ())
    if methods and "none" not in methods:
        return (
            f"{client}. The provider lists no clients without a secret. If it demands the secret of an installed "
            "application, write client_secret=... into the dotenv file."
        )
    return f"{client}."


def _code(metadata: ProviderMetadata) -> Capability:
    types, methods = metadata.response_types_supported, metadata.code_challenge_methods_supported
    if types and "code" not in types:
        return Capability("code", False, "The provider does not list the response type `code`.")
    if "token_endpoint" not in metadata.optional_endpoints:
        return Capability("code", False, "The provider has no token endpoint.")
    if methods and "S256" not in methods:
        return Capability("code", False, "The provider lists PKCE methods, and S256 is not among them.")
    return Capability("code", True, "With PKCE." if methods else "The provider lists no PKCE methods. S256 is sent.")


def _implicit(metadata: ProviderMetadata) -> Capability:
    types = metadata.response_types_supported
    spelled = next((each for each in types if sorted(each.split()) == ["id_token", "token"]), None)
    if spelled:
        shown = plain(spelled, 60)
        return Capability("implicit", True, f"Its response type is spelled `{shown}`. No refresh token comes.")
    if types:
        return Capability("implicit", False, "The provider does not list the response type `id_token token`.")
    return Capability("implicit", None, "The provider lists no response types.")


def _device(metadata: ProviderMetadata) -> Capability:
    if "device_authorization_endpoint" in metadata.optional_endpoints:
        return Capability("device", True, "For kernels that no browser reaches.")
    return Capability("device", False, "The provider has no device_authorization_endpoint.")


def _algorithms(metadata: ProviderMetadata) -> Capability:
    announced = metadata.id_token_signing_alg_values_supported
    if metadata.jwks_uri is None:
        return Capability("ID token", False, "The provider has no jwks_uri, so there are no keys that verify one.")
    usable = [name for name in announced if name in ALGORITHMS]
    if usable:
        others = [name for name in announced if name not in ALGORITHMS]
        more = f" An application that is set to {_named(others)} is refused." if others else ""
        return Capability("ID token", True, f"Verified by {_named(usable)}.{more}")
    if announced:
        return Capability("ID token", False, f"It is signed by {_named(announced)}, which cannot be verified here.")
    return Capability("ID token", None, "The provider names no algorithm.")


def _renewal(metadata: ProviderMetadata) -> Capability:
    scopes = metadata.scopes_supported
    if OFFLINE_ACCESS in scopes:
        return Capability("renewal", True, "offline_access is requested by code and device.")
    if scopes:
        return Capability(
            "renewal", None, "offline_access is not listed, so it is not requested. --renewable requests it."
        )
    return Capability(
        "renewal", None, "The provider lists no scopes. If it refuses offline_access, add --no-renewable."
    )


def _end(metadata: ProviderMetadata, name: str) -> Capability:
    subject, with_it, without = ENDS[name]
    has_it = name in metadata.optional_endpoints
    return Capability(subject, has_it, with_it if has_it else f"The provider has no {name}. {without}")


def _issuer_in_responses(metadata: ProviderMetadata) -> Capability:
    if metadata.authorization_response_iss_parameter_supported:
        return Capability("issuer", True, "Each response names its issuer (RFC 9207).")
    return Capability(
        "issuer", None, "Responses need not name their issuer. Give each provider a redirect URI of its own."
    )


def _named(names: Collection[str]) -> str:
    """Return *names* for a sentence, the first eight of them."""
    return ", ".join(plain(name, 20) for name in list(names)[:8])
