"""The relying-party tests of the OpenID Foundation's conformance suite that concern the grants we have.

Each test is named after the suite's module (`oidcc-client-test-…`), plays the provider's part with the local issuer,
and asks what the module asks; where the provider is at fault, also the suite's rule that for five seconds after the
refusal the provider hears nothing more. Modules are played in the implicit and the code flow, where both have the case.
"""

from __future__ import annotations

import pytest

from ipyauth_magic.errors import InvalidIdToken, InvalidResponse, IpyauthError, ProviderError, SignInNeeded
from ipyauth_magic.provider.provider import Provider
from tests.conformance.refusals import Draft, Visit, Visits, signed_by_a_stranger, visiting, without
from tests.support.auths import end_tokens, is_good, tokens_of

JWKS = "/.well-known/jwks.json"


def check_refused(visit: Visit, kind: type[IpyauthError], check: str | None = None) -> None:
    """Check that it was refused for the right reason, that nothing was taken, and that nothing more was asked."""
    assert not is_good(visit.auth)
    check_silence(visit, kind, check)


def check_silence(visit: Visit, kind: type[IpyauthError], check: str | None = None) -> None:
    """Check that it was refused for the right reason, and that nothing more was asked."""
    assert isinstance(visit.error, kind), repr(visit.error)
    assert getattr(visit.error, "check", None) == check
    assert visit.asked.total() > 0
    assert visit.asked_later == visit.asked


def test_refresh_token() -> None:
    """The refresh token gives an access token and an ID token of the same user, and its successor the next."""
    with visiting("code") as visit:
        visit.auth.sign_in()
        for count in (1, 2):
            before = tokens_of(visit.auth)
            end_tokens(visit.auth)
            assert visit.auth.access_token
            after = tokens_of(visit.auth)
            assert after.refresh_token not in (None, before.refresh_token)
            assert after.claims["sub"] == before.claims["sub"]
            assert visit.issuer.switches.token_requests["refresh_token"] == count


def test_refresh_token_invalid_issuer(refused: Visits) -> None:
    """A refreshed ID token of another issuer is refused, and the access token beside it."""
    check_refused(refused["refresh-token-invalid-issuer", "code"], InvalidIdToken, "iss")


def test_refresh_token_invalid_sub(refused: Visits) -> None:
    """A refreshed ID token of another user is refused, and the access token beside it."""
    visit = refused["refresh-token-invalid-sub", "code"]
    check_refused(visit, InvalidIdToken, "sub")
    with pytest.raises(SignInNeeded):
        _ = visit.auth.access_token


def test_signing_key_rotation(visit: Visit) -> None:
    """After a change of keys the next ID token is verified by the new one, which is fetched once."""
    visit.auth.sign_in()
    visit.issuer.keys.rotate()
    visit.auth.sign_in(force=True)
    assert visit.issuer.switches.requests[JWKS] == 2


def test_signing_key_rotation_just_before_signing(visit: Visit, flow: str) -> None:
    """Keys that change between their being fetched and the ID token's signing are fetched once more."""
    Provider.of(visit.issuer.issuer).metadata()
    signs = {"implicit": "/authorize", "code": "/oauth/token"}[flow]
    visit.issuer.switches.watch = lambda path: visit.issuer.keys.rotate() if path == signs else None
    assert is_good(visit.auth.sign_in())
    assert visit.issuer.switches.requests[JWKS] == 2


def test_discovery_issuer_mismatch(refused: Visits, flow: str) -> None:
    """A discovery document of another issuer is refused, before the user is sent anywhere."""
    visit = refused["discovery-issuer-mismatch", flow]
    check_refused(visit, ProviderError)
    assert visit.asked["/authorize"] == 0
    assert "another.test" in str(visit.error)


def test_userinfo_invalid_sub(refused: Visits, flow: str) -> None:
    """What the userinfo endpoint tells about another user than the ID token's is not told; the sign-in stands."""
    visit = refused["userinfo-invalid-sub", flow]
    check_silence(visit, InvalidResponse, "sub")
    assert visit.asked["/userinfo"] == 1
    assert visit.auth.logged_as == "alice"


def test_idtoken_sig_none(refused: Visits, flow: str) -> None:
    """An ID token without a signature is refused in every flow."""
    check_refused(refused["idtoken-sig-none", flow], InvalidIdToken, "alg")


def test_idtoken_sig_none_when_refreshed(refused: Visits) -> None:
    """Also where it comes by a refresh token, although TLS might vouch for it (OpenID Connect Core, 3.1.3.7, 6)."""
    check_refused(refused["refresh-token-sig-none", "code"], InvalidIdToken, "alg")


def test_kid_absent_single_jwks(visit: Visit) -> None:
    """Without `kid` the one key of the JWKS is the one; a signature that is not its own stays wrong."""
    visit.issuer.switches.tamper = lambda draft: draft.header.pop("kid")
    assert is_good(visit.auth.sign_in())

    def by_a_stranger(draft: Draft) -> None:
        draft.header.pop("kid")
        signed_by_a_stranger(draft)

    visit.issuer.switches.tamper = by_a_stranger
    with pytest.raises(InvalidIdToken, match="signature"):
        visit.auth.sign_in(force=True)


def test_nonce_invalid(refused: Visits, flow: str) -> None:
    """An ID token for another sign-in is refused."""
    check_refused(refused["nonce-invalid", flow], InvalidIdToken, "nonce")


def test_invalid_iss(refused: Visits, flow: str) -> None:
    """An ID token of another issuer is refused."""
    check_refused(refused["invalid-iss", flow], InvalidIdToken, "iss")


def test_invalid_aud(refused: Visits, flow: str) -> None:
    """An ID token for another client is refused."""
    check_refused(refused["invalid-aud", flow], InvalidIdToken, "aud")


def test_missing_aud(refused: Visits, flow: str) -> None:
    """An ID token without an audience is refused."""
    check_refused(refused["missing-aud", flow], InvalidIdToken, "aud")


def test_missing_sub(refused: Visits, flow: str) -> None:
    """An ID token that names no user is refused."""
    check_refused(refused["missing-sub", flow], InvalidIdToken, "sub")


def test_missing_iat(refused: Visits, flow: str) -> None:
    """An ID token that does not say when it was issued is refused."""
    check_refused(refused["missing-iat", flow], InvalidIdToken, "iat")


def test_invalid_athash(refused: Visits, flow: str) -> None:
    """An ID token that vouches for another access token is refused."""
    check_refused(refused["invalid-athash", flow], InvalidIdToken, "at_hash")


def test_missing_athash(refused: Visits) -> None:
    """In the implicit flow the access token came through the browser, so `at_hash` must confirm it."""
    check_refused(refused["missing-athash", "implicit"], InvalidIdToken, "at_hash")


@pytest.mark.parametrize("flow", ["code"])
def test_missing_athash_in_the_code_flow(visit: Visit) -> None:
    """There `at_hash` is optional (OpenID Connect Core, 3.1.3.6): both tokens come from the provider itself."""
    visit.issuer.switches.tamper = without("at_hash")
    assert is_good(visit.auth.sign_in())


def test_invalid_sig_rs256(refused: Visits, flow: str) -> None:
    """An ID token that another key has signed is refused."""
    check_refused(refused["invalid-sig-rs256", flow], InvalidIdToken, "signature")


def test_invalid_sig_hs256(refused: Visits, flow: str) -> None:
    """A client without a secret takes no HS256, least of all with the public key as the secret."""
    check_refused(refused["invalid-sig-hs256", flow], InvalidIdToken, "alg")
