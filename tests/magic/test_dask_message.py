"""A kernel's message is opened by its workers alone, and is the same there."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey

from ipyauth_magic import errors
from ipyauth_magic.clients.dask.message import Message, new_secret, open_secret, seal_secret
from ipyauth_magic.errors import (
    InsecureCluster,
    InvalidParams,
    IpyauthError,
    NoTokenHere,
    NotSignedIn,
    PortTaken,
    Problem,
    ProviderError,
    ProviderRefused,
    SignInNeeded,
    SignInTimeout,
    StoreUnavailable,
)
from ipyauth_magic.protocol.tokens import AccessToken

TOKEN = AccessToken("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.signature")


def test_sealed_message_is_opened() -> None:
    """All of it. On the wire no part of the token can be read, and no two are alike."""
    secret, message = new_secret(), Message(3, TOKEN, lasts=12.5)
    sealed = message.sealed(secret)
    assert Message.opened(sealed, secret) == message
    assert "eyJzdWIi" not in sealed
    assert sealed != message.sealed(secret)


def test_secret_is_for_one_worker() -> None:
    """Another worker's key does not open it, nor does another secret open the message."""
    one, other = (ECKey.generate_key("P-256", private=True) for _ in range(2))
    secret = new_secret()
    sealed = seal_secret(secret, dict(one.as_dict(private=False)))
    assert open_secret(sealed, one).raw_value == secret.raw_value
    with pytest.raises(ValueError, match="another key"):
        open_secret(sealed, other)
    with pytest.raises(ValueError, match="another key"):
        Message.opened(Message(1, TOKEN).sealed(secret), new_secret())


@pytest.mark.parametrize("sealed", ["", "a.b.c", "not sealed", TOKEN])
def test_other_text_is_not_taken(sealed: str) -> None:
    """An error says that it was not sealed for this worker."""
    with pytest.raises(ValueError, match="another key"):
        Message.opened(sealed, new_secret())


@pytest.mark.parametrize(
    "key",
    [
        {},
        {"kty": "oct", "k": "c2VjcmV0"},
        {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"},
        {"kty": "EC", "crv": "P-256", "x": 1, "y": None},
    ],
)
def test_key_that_cannot_be_used(key: dict[str, Any]) -> None:
    """Nothing is sealed for it."""
    with pytest.raises(ValueError, match="public key"):
        seal_secret(new_secret(), key)


def test_secret_is_a_key_of_256_bits() -> None:
    """And another one each time."""
    one, other = new_secret(), new_secret()
    assert isinstance(one, OctKey)
    assert len(one.raw_value) == 32
    assert one.raw_value != other.raw_value


ERRORS = [
    NotSignedIn(elsewhere=True),
    SignInNeeded(),
    ProviderError("It cannot be reached."),
    ProviderRefused("access_denied", "She said no"),
    InvalidParams([Problem("scope", "is wrong", "the cell")]),
    PortTaken([8765]),
    SignInTimeout(3, None),
    StoreUnavailable("keyring", "it is locked"),
    InsecureCluster("tcp://10.0.0.1:8786"),
    NoTokenHere(30),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_errors_are_the_same_on_the_other_side(error: IpyauthError) -> None:
    """A worker raises the kernel's error, and the kernel the worker's, with the same sentence; pickles hold it all."""
    secret = new_secret()
    sent = Message.opened(Message(1, error=error).sealed(secret), secret).error
    assert (type(sent), str(sent)) == (type(error), str(error))
    pickled = pickle.loads(pickle.dumps(error))
    assert (type(pickled), str(pickled), vars(pickled)) == (type(error), str(error), vars(error))


@pytest.mark.parametrize("name", ["Problem", "REMEDIES", "nothing", "Exception"])
def test_error_of_another_version(name: str) -> None:
    """An unknown class becomes a provider's error, with its sentence."""
    secret = new_secret()
    message = Message(1, error=type(name, (IpyauthError,), {})("It is so."))
    error = Message.opened(message.sealed(secret), secret).error
    assert (type(error), str(error)) == (errors.ProviderError, "It is so.")
