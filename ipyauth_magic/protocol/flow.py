"""The ways to ask for tokens: each is a frozen `Flow`, so that no other file compares the name of one.

CONTRIBUTING.md has the walk for a new one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

OFFLINE_ACCESS = "offline_access"
"""The scope that asks for a refresh token (OpenID Connect Core, 11)."""


@dataclass(frozen=True)
class Flow:
    """One way to ask for tokens (RFC 6749, 1.3).

    Attributes:
        name: the value of `--flow` and `flow=`.
        response_type: sent to the authorization endpoint (RFC 6749, 3.1.1); None where the flow does not use it, so
            that it needs no redirect URI.
        response_mode: how the response comes unless the user says otherwise (OAuth 2.0 Multiple Response Type Encoding
            Practices, 2.1).
        uses_pkce: whether a code is bound to its request by PKCE (RFC 7636).
        may_be_renewable: whether the provider may give a refresh token.
        needs_id_token: whether the access token can be trusted only if an ID token comes with it.
        response: the content of the authorization response, in words.
        explanation: a sentence for `%token --config`: what happens after the response, or in place of it.
        advice: a sentence for the card of the first sign-in of a session; may be empty.
        needs_person: why a browser alone cannot finish the sign-in; empty where it can.
    """

    name: str
    response_type: str | None
    response_mode: str = ""
    uses_pkce: bool = False
    may_be_renewable: bool = True
    needs_id_token: bool = False
    response: str = ""
    explanation: str = ""
    advice: str = ""
    needs_person: str = ""

    @property
    def needs_redirect(self) -> bool:
        """Whether the response comes to a redirect URI."""
        return self.response_type is not None

    def spelled(self, announced: Collection[str]) -> str:
        """Return the response type with its words in the order of *announced*, `response_types_supported`.

        The order means nothing (RFC 6749, 3.1.1), and some providers compare the text all the same. If none of
        *announced* has the same words, the order is that of OpenID Connect Core, 3.2.2.1: `id_token token`.
        """
        words = sorted(str(self.response_type).split())
        return " ".join(next((each.split() for each in announced if sorted(each.split()) == words), words))


IMPLICIT = Flow(
    "implicit",
    "token id_token",
    response_mode="fragment",
    may_be_renewable=False,  # RFC 6749, 4.2.2
    needs_id_token=True,  # its `at_hash` (OpenID Connect Core, 3.2.2.9)
    response="the tokens",
    advice='Tip: --flow code (in Python flow="code") keeps tokens out of the browser and renews them.',
)
CODE = Flow(
    "code",
    "code",
    response_mode="query",
    uses_pkce=True,
    response="a code",
    explanation="The kernel exchanges the code for the tokens itself.",
)
DEVICE = Flow(
    "device",
    None,
    explanation=(
        "No response comes to this machine. The kernel asks the provider every few seconds whether you have entered "
        "the code on some device, and receives the tokens itself."
    ),
    needs_person="the device flow needs a person to enter a code",
)

FLOWS: Mapping[str, Flow] = {flow.name: flow for flow in (IMPLICIT, CODE, DEVICE)}


def flow_of(response_type: str) -> Flow:
    """Return the flow that uses *response_type*."""
    return next(flow for flow in FLOWS.values() if flow.response_type == response_type)


@dataclass(frozen=True)
class Grant:
    """How tokens are asked for: a flow, and whether a refresh token is asked for too.

    Attributes:
        renewable: True asks for a refresh token in any case, False never; None asks unless the provider does not know
            the scope.
    """

    flow: Flow
    renewable: bool | None = None

    @classmethod
    def of(cls, response_type: str, flow: str | None = None, renewable: bool | None = None) -> Grant:
        """Return the grant of the flow called *flow*, or else of *response_type*."""
        chosen = FLOWS[flow] if flow else flow_of(response_type)
        return cls(chosen, renewable if chosen.may_be_renewable else False)

    @property
    def wants_renewal(self) -> bool:
        """Whether a refresh token is welcome."""
        return self.renewable is not False

    @property
    def store_name(self) -> str | None:
        """What the store key needs beside the response type.

        Tokens that cannot be renewed must not hide renewable ones, nor a device's those of a browser.
        """
        if self.flow.may_be_renewable and not self.wants_renewal:
            return f"{self.flow.name}, not renewable"
        return None if self.flow.needs_redirect else self.flow.name

    @property
    def to_keep(self) -> dict[str, str]:
        """The names and values by which a record of a sign-in notes this grant; `from_kept` reads them."""
        is_without = self.flow.may_be_renewable and not self.wants_renewal
        return {"flow": self.flow.name, **({"renewable": "no"} if is_without else {})}

    @classmethod
    def from_kept(cls, values: Mapping[str, str]) -> Grant | None:
        """Return the grant that `to_keep` has noted in *values*; None if they note none."""
        flow = FLOWS.get(values.get("flow", ""))
        return None if flow is None else cls.of("", flow.name, False if "renewable" in values else None)

    @property
    def in_words(self) -> str:
        """The flow's name, and whether a refresh token is asked for, for `%token --config`."""
        if not self.flow.may_be_renewable:
            return f"{self.flow.name}, which gives no refresh token"
        if self.renewable is None:
            return f"{self.flow.name}, with a refresh token if the provider gives one"
        return f"{self.flow.name}, {'with' if self.renewable else 'without'} a refresh token"

    def scope(self, scope: str, announced: Collection[str] = ()) -> str:
        """Return *scope*, with `offline_access` where a refresh token is asked for (OpenID Connect Core, 11).

        By default it is asked for only where that cannot fail the sign-in: many providers refuse a scope that they do
        not know, although they should ignore it (3.1.2.1).

        Args:
            scope: what the user asks for.
            announced: the provider's `scopes_supported`; empty if it does not say. Then the scope is added to a
                request with `openid`, because OpenID Connect defines it.
        """
        asks = self.renewable
        if asks is None:
            asks = OFFLINE_ACCESS in announced if announced else "openid" in scope.split()
        return " ".join(dict.fromkeys([*scope.split(), *([OFFLINE_ACCESS] if asks else [])]))
