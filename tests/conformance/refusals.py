"""What issuers do wrong, by the names of the relying-party tests, and sign-ins there: played, then watched together."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests
from joserfc.jwk import OctKey, RSAKey

from fruit_service.issuer.server import LocalIssuer
from fruit_service.issuer.switches import Draft
from ipyauth_magic import Auth
from ipyauth_magic.errors import IpyauthError
from tests.support.auths import end_tokens, params_for
from tests.support.bad_inputs import base64url
from tests.support.ports import free_port

FLOWS = ("implicit", "code")

WATCHED_FOR = 5.0
"""Seconds after a refusal in which the suite waits for a request that must not come."""

SIGN_IN = 30
"""Seconds that a sign-in may take; it takes a tenth of one."""

AT_ONCE = 8
DISCOVERY = "/.well-known/openid-configuration"


@dataclass
class Visit:
    """A user's `Auth` at an issuer of its own; after a refusal, its error and what the issuer was asked till then."""

    issuer: LocalIssuer
    auth: Auth
    error: IpyauthError | None = None
    asked: Counter[str] = field(default_factory=Counter)
    asked_later: Counter[str] = field(default_factory=Counter)

    def try_to_sign_in(self) -> None:
        """Sign in, and note how that was refused."""
        self._note(lambda: self.auth.sign_in(timeout=SIGN_IN))

    def try_to_refresh(self) -> None:
        """Ask for a token when there is none left, and note how that was refused."""
        end_tokens(self.auth)
        self._note(lambda: self.auth.access_token)

    def try_to_ask_userinfo(self) -> None:
        """Ask who the user is, and note how that was refused."""
        self._note(self.auth.userinfo)

    def _note(self, act: Callable[[], object]) -> None:
        try:
            act()
        except IpyauthError as error:
            self.error = error
        self.asked = Counter(self.issuer.switches.requests)


@contextmanager
def visiting(flow: str) -> Iterator[Visit]:
    """Run an issuer where alice allows everything at once, and give a visit to it."""
    redirect_uri = f"http://127.0.0.1:{free_port()}/callback/"
    with LocalIssuer(port=0, callback_urls=(redirect_uri,), auto_approve="alice") as issuer:
        params = params_for(issuer, issuer=issuer.issuer, redirect_uri=redirect_uri)
        yield Visit(issuer, Auth(params, flow=flow, store="none"))


@dataclass(frozen=True)
class Wrong:
    """What an issuer does wrong, in which flows, and whether only after a good sign-in, when it is asked for more."""

    turn: Callable[[LocalIssuer], None]
    flows: tuple[str, ...] = FLOWS
    afterwards: Callable[[Visit], None] | None = None

    def happen_to(self, visit: Visit) -> None:
        """Play it."""
        if self.afterwards is None:
            self.turn(visit.issuer)
            visit.try_to_sign_in()
            return
        visit.auth.sign_in()
        self.turn(visit.issuer)
        self.afterwards(visit)


def tampering(tamper: Callable[[Draft], None], **how: Any) -> Wrong:
    """Return an issuer's fault in its ID tokens."""

    def turn(issuer: LocalIssuer) -> None:
        issuer.switches.tamper = tamper

    return Wrong(turn, **how)


def saying(**claims: Any) -> Callable[[Draft], None]:
    """Return what puts *claims* into an ID token."""
    return lambda draft: draft.claims.update(claims)


def without(name: str) -> Callable[[Draft], None]:
    """Return what takes a claim out of an ID token."""
    return lambda draft: draft.claims.pop(name, None)


def unsigned(draft: Draft) -> None:
    """Leave the signature out."""
    draft.header = {"alg": "none"}


def signed_by_a_stranger(draft: Draft) -> None:
    """Sign with a key that is not the one named."""
    draft.key = RSAKey.generate_key(2048, private=True)


def signed_with_the_public_key(draft: Draft) -> None:
    """Use a public value as the secret."""
    draft.header["alg"] = "HS256"
    published = json.dumps(draft.key.as_dict(private=False)).encode()  # as a JWK: as PEM, joserfc would refuse to sign
    draft.key = OctKey.import_key({"kty": "oct", "k": base64url(published)})


def with_userinfo_of_another(issuer: LocalIssuer) -> None:
    """Return the claims of another user at the userinfo endpoint."""
    issuer.switches.answer("/userinfo", 200, {"sub": "auth0|bob", "nickname": "bob"})


def of_another_issuer(issuer: LocalIssuer) -> None:
    """Publish a discovery document that names another issuer."""
    document = requests.get(f"{issuer.issuer.rstrip('/')}{DISCOVERY}", timeout=10).json()
    issuer.switches.answer(DISCOVERY, 200, {**document, "issuer": "https://another.test/"}, times=9)


WRONGS = {
    "refresh-token-invalid-issuer": tampering(
        saying(iss="https://another.test/"), flows=("code",), afterwards=Visit.try_to_refresh
    ),
    "refresh-token-invalid-sub": tampering(saying(sub="auth0|bob"), flows=("code",), afterwards=Visit.try_to_refresh),
    "refresh-token-sig-none": tampering(unsigned, flows=("code",), afterwards=Visit.try_to_refresh),
    "discovery-issuer-mismatch": Wrong(of_another_issuer),
    "userinfo-invalid-sub": Wrong(with_userinfo_of_another, afterwards=Visit.try_to_ask_userinfo),
    "idtoken-sig-none": tampering(unsigned),
    "nonce-invalid": tampering(saying(nonce="of another sign-in")),
    "invalid-iss": tampering(saying(iss="https://another.test/")),
    "invalid-aud": tampering(saying(aud="another-client")),
    "missing-aud": tampering(without("aud")),
    "missing-sub": tampering(without("sub")),
    "missing-iat": tampering(without("iat")),
    "invalid-athash": tampering(saying(at_hash="mjbcaWD0mUNaqHFwGGt8cA")),
    "missing-athash": tampering(without("at_hash"), flows=("implicit",)),
    "invalid-sig-rs256": tampering(signed_by_a_stranger),
    "invalid-sig-hs256": tampering(signed_with_the_public_key),
}

Visits = Mapping[tuple[str, str], Visit]


@contextmanager
def all_refused() -> Iterator[Visits]:
    """Play every case side by side, each at its own issuer, and watch them all for five seconds after the last."""
    with ExitStack() as running:
        visits = {
            (name, flow): running.enter_context(visiting(flow))
            for name, wrong in WRONGS.items()
            for flow in wrong.flows
        }
        with ThreadPoolExecutor(AT_ONCE) as players:
            played = [players.submit(WRONGS[name].happen_to, visit) for (name, _), visit in visits.items()]
            for each in played:
                each.result()
        time.sleep(WATCHED_FOR)  # the suite's rule: it is watched, nothing is waited for
        for visit in visits.values():
            visit.asked_later = Counter(visit.issuer.switches.requests)
        yield visits
