"""The memory of verified tokens: what it spares, and that it never keeps a token good for longer than it is."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey, Key, RSAKey

from fruit_service import verified_tokens
from fruit_service.access_token import Rules, _check_header, _header, _verified_payload
from fruit_service.errors import InvalidToken
from fruit_service.verified_tokens import VerifiedTokens

from .test_access_token import NOW, RSA, RULES, token

VECTORS = Path(os.environ.get("WYCHEPROOF_DIR", Path(__file__).parents[3] / "shared" / "corpora" / "wycheproof"))


class World:
    """The clock and the issuer's one key, both of which a test may change."""

    def __init__(self) -> None:
        """Begin at NOW, with the key of all test tokens."""
        self.now: float = NOW
        self.key: Key | None = RSA
        self.looked = 0
        self.tokens = VerifiedTokens(RULES, self.find, lambda kid, key: key is self.key, lambda: self.now)

    def find(self, kid: str | None) -> Key | None:
        """Return the key, and count."""
        self.looked += 1
        return self.key


def test_token_is_verified_once() -> None:
    """And is the same object then; another token is verified by itself."""
    world, text = World(), token()
    assert world.tokens(text) is world.tokens(text)
    assert world.looked == 1
    world.tokens(token(sub="auth0|bob"))
    assert world.looked == 2


def test_token_ends_at_its_exp() -> None:
    """Exactly, with the leeway, also when it was good a moment ago."""
    world, text = World(), token(exp=NOW + 10)
    world.tokens(text)
    world.now = NOW + 69.9
    world.tokens(text)
    world.now = NOW + 70
    with pytest.raises(InvalidToken, match="expired"):
        world.tokens(text)
    assert len(world.tokens) == 0


def test_token_ends_with_its_key() -> None:
    """At the next use after the issuer has taken the key back."""
    world, text = World(), token()
    world.tokens(text)
    world.key = None
    with pytest.raises(InvalidToken, match="does not publish"):
        world.tokens(text)
    assert len(world.tokens) == 0


def test_changed_token_is_another_one() -> None:
    """A character more, or another signature, has nothing of a good token's."""
    world, text = World(), token()
    world.tokens(text)
    for other in (text + "A", text[:-6] + "AAAAAA", text.replace(".", ".A", 1)):
        with pytest.raises(InvalidToken):
            world.tokens(other)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest goes; a long token is never kept; nor is a bad one, nor the text of any."""
    monkeypatch.setattr(verified_tokens, "MOST", 3)
    world = World()
    for number in range(5):
        world.tokens(token(sub=f"user {number}"))
    world.tokens(token(more="x" * 5000))
    with pytest.raises(InvalidToken):
        world.tokens("x.y.z")
    assert len(world.tokens) == 3
    assert all(isinstance(name, bytes) for name in world.tokens._kept)


def test_signatures_are_those_of_wycheproof() -> None:
    """All 272 vectors of RS256 and ES256 get the official verdict; only the empty payload is no token for us."""
    path = VECTORS / "json_web_signature_test.json"
    if not path.is_file():
        pytest.skip(f"not run: Wycheproof's vectors are not in {VECTORS} (WYCHEPROOF_DIR)")
    groups = json.loads(path.read_text())["testGroups"]
    cases = [(key(group), test) for group in groups for test in group["tests"] if is_ours(group)]
    assert len(cases) == 272
    wrong = [test["comment"] for key, test in cases if accepts(key, test["jws"]) != (test["result"] == "valid")]
    assert wrong == ["emptyPayload"]


def is_ours(group: dict[str, Any]) -> bool:
    """Tell whether a group is of an algorithm that the service knows."""
    return group.get("public", {}).get("alg") in ("RS256", "ES256")


def key(group: dict[str, Any]) -> Key:
    """Return the public key of a group."""
    jwk = group["public"]
    return RSAKey.import_key(jwk) if jwk["kty"] == "RSA" else ECKey.import_key(jwk)


def accepts(key: Key, text: str) -> bool:
    """Tell whether the signature is good by our rules; the vectors are no access tokens, so that `typ` is left out."""
    try:
        header = {"kid": "", **_header(text), "typ": "JWT"}
        _check_header(header, Rules("", "", (str(key.get("alg")),)))
        _verified_payload(text, key, Rules("", "", (str(key.get("alg")),)))
    except InvalidToken:
        return False
    return True
