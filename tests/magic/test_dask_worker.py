"""On a worker of a Dask cluster: the cache of a block's token, and the requests to the kernel."""

from __future__ import annotations

import asyncio
import pickle
import threading
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import httpx
import httpx2
import pytest
import requests

from ipyauth_magic.clients.dask import kernel as kernel_module
from ipyauth_magic.clients.dask import worker as worker_module
from ipyauth_magic.clients.dask.message import Message, new_secret, seal_secret
from ipyauth_magic.clients.dask.worker import TokenCache, TokenRequester, WorkerAuth, WorkerAuthorization
from ipyauth_magic.errors import InsecureApi, IpyauthError, NoTokenHere, NotSignedIn, OtherOrigin
from ipyauth_magic.protocol.tokens import AccessToken
from tests.magic.test_dask import DEADLINE
from tests.support.stored import token_set
from tests.support.threads import until


@pytest.fixture
def cache() -> TokenCache:
    """A cache without any message."""
    return TokenCache()


def fill(cache: TokenCache, message: Message, requests: list[int | None] | None = None) -> Callable[[Message], None]:
    """Send *message* with the secret, note the cache's *requests*, and return a function that sends more."""
    secret = new_secret()
    requester: Any = SimpleNamespace(address="a", request=(requests if requests is not None else []).append)
    cache.join(requester)
    cache.take(seal_secret(secret, cache.public_key), message.sealed(secret))
    return lambda more: cache.take(None, more.sealed(secret))


def renewing(cache: TokenCache, refused: str, got: list[str | type[IpyauthError]]) -> threading.Thread:
    """Start a thread that asks for another token than *refused*, and notes the token, or the error's class."""

    def renew() -> None:
        try:
            got.append(cache.renew_refused(refused).access_token)
        except IpyauthError as error:
            got.append(type(error))

    thread = threading.Thread(target=renew)
    thread.start()
    return thread


def test_older_message(cache: TokenCache) -> None:
    """A message that another one has overtaken changes nothing."""
    send = fill(cache, Message(2, AccessToken("new"), 60))
    send(Message(1, AccessToken("old"), 60))
    assert cache.get().access_token == "new"


def test_message_for_another_worker(cache: TokenCache) -> None:
    """It is not taken, neither before the secret has come nor after."""
    cache.take(None, Message(1, AccessToken("x"), 60).sealed(new_secret()))
    assert not cache.is_filled
    fill(cache, Message(1, AccessToken("mine"), 60))
    with pytest.raises(ValueError, match="another key"):
        cache.take(None, Message(9, AccessToken("x"), 60).sealed(new_secret()))
    assert cache.get().access_token == "mine"


def test_token_that_ends(cache: TokenCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not given out, the kernel is asked, and after the limit an error says that nothing came."""
    monkeypatch.setattr(worker_module, "WAIT_LIMIT", 0.3)
    requests: list[int | None] = []
    fill(cache, Message(1, AccessToken("x"), lasts=0), requests)
    with pytest.raises(NoTokenHere, match="within 0.3 seconds"):
        cache.get()
    assert requests == [None]


@pytest.mark.parametrize("without_tls", [False, True])
def test_no_token_over_plain_http(without_tls: bool, cache: TokenCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task's request to an API on another machine has TLS too, unless the block does without; a pickle keeps that."""
    monkeypatch.setitem(worker_module._caches, "block", cache)
    fill(cache, Message(1, AccessToken("mine"), 60))
    auth = pickle.loads(pickle.dumps(WorkerAuth("block", without_tls)))
    request = requests.Request("GET", "http://api.example.com/").prepare()
    if without_tls:
        assert auth(request).headers["Authorization"] == "Bearer mine"
    else:
        with pytest.raises(InsecureApi):
            auth(request)
        assert "Authorization" not in request.headers
    here = requests.Request("GET", "http://127.0.0.1:1/").prepare()
    assert auth(here).headers["Authorization"] == "Bearer mine"


def test_the_token_goes_to_the_origin_of_its_api_only(cache: TokenCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the user signed in by an API's address; a worker knows it, because the auth object is pickled with it."""
    fill(cache, Message(1, AccessToken("secret-token"), 60))
    monkeypatch.setitem(worker_module._caches, "block", cache)
    auth = pickle.loads(pickle.dumps(WorkerAuth("block", api="https://api.example.com/v1")))
    for url, is_sent in [("https://api.example.com/v2", True), ("https://api.example.com:8443/v1", False)]:
        request = requests.Request("GET", url).prepare()
        if is_sent:
            assert auth(request).headers["Authorization"] == "Bearer secret-token"
        else:
            with pytest.raises(OtherOrigin, match=r"not sent to https://api\.example\.com:8443"):
                auth(request)
            assert "Authorization" not in request.headers


@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_a_task_may_call_by_httpx(library: Any, cache: TokenCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """The token is on the request, and not in its pickle: the result of a task is pickled."""
    monkeypatch.setitem(worker_module._caches, "block", cache)
    fill(cache, Message(1, AccessToken("mine"), 60))
    with library.Client(auth=WorkerAuth("block"), transport=library.MockTransport(ok(library))) as client:
        response = client.get("https://api.example.com/")
    assert response.request.headers["Authorization"] == "Bearer mine"
    assert b"mine" not in pickle.dumps(response)


def ok(library: Any) -> Callable[[Any], Any]:
    """Return what answers each request of *library*."""
    return lambda request: library.Response(200)


def test_many_threads_ask_once(cache: TokenCache) -> None:
    """All of them get the token of the next message."""
    requests: list[int | None] = []
    send = fill(cache, Message(1, AccessToken("old"), 60), requests)
    got: list[str | type[IpyauthError]] = []
    threads = [renewing(cache, "old", got) for _ in range(20)]
    until(lambda: bool(requests), DEADLINE)
    send(Message(2, AccessToken("new"), 60))
    for thread in threads:
        thread.join(DEADLINE)
    assert got == ["new"] * 20
    assert requests == [1]


def test_refused_token_serves_other_threads_meanwhile(cache: TokenCache) -> None:
    """One API may refuse it and another accept it; a repeated message of it does not end the wait."""
    requests: list[int | None] = []
    send = fill(cache, Message(1, AccessToken("only"), 60), requests)
    got: list[str | type[IpyauthError]] = []
    thread = renewing(cache, "only", got)
    until(lambda: bool(requests), DEADLINE)
    send(Message(1, AccessToken("only"), 60))
    assert cache.get().access_token == "only"
    assert not got
    send(Message(2, AccessToken("new"), 60))
    thread.join(DEADLINE)
    assert got == ["new"]


def test_refused_token_without_another(cache: TokenCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the limit an error ends the wait, and the answer of the API stands."""
    monkeypatch.setattr(worker_module, "WAIT_LIMIT", 0.3)
    fill(cache, Message(1, AccessToken("only"), 60))
    with pytest.raises(NoTokenHere):
        cache.renew_refused("only")
    assert cache.renew_refused("an older one").access_token == "only"


def test_renewed_token_that_is_the_same(cache: TokenCache) -> None:
    """Two tokens of one second may be the same to the letter: the later one is another."""
    requests: list[int | None] = []
    send = fill(cache, Message(1, AccessToken("same"), 60), requests)
    got: list[str | type[IpyauthError]] = []
    thread = renewing(cache, "same", got)
    until(lambda: bool(requests), DEADLINE)
    send(Message(2, AccessToken("same"), 60))
    thread.join(DEADLINE)
    assert (got, requests) == (["same"], [1])


def test_error_that_many_tasks_raise(cache: TokenCache) -> None:
    """Each raises one of its own: a shared one would grow by every traceback, until it cannot be pickled."""
    fill(cache, Message(1, error=NotSignedIn()))
    raised: list[IpyauthError] = []
    for _ in range(2):
        with pytest.raises(NotSignedIn) as caught:
            cache.get()
        raised.append(caught.value)
    assert raised[0] is not raised[1]
    assert str(raised[0]) == str(raised[1]) == str(NotSignedIn())


def test_kernel_that_does_not_answer(cache: TokenCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker asks for a limited time: the kernel may have died and left its plugin."""
    monkeypatch.setattr(worker_module, "WAIT_LIMIT", 0.3)
    events: list[object] = []
    worker: Any = SimpleNamespace(address="a", log_event=lambda topic, event: events.append(event))

    async def ask() -> None:
        TokenRequester("topic", worker, cache).start()
        await asyncio.wait_for(asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}), DEADLINE)

    asyncio.run(ask())
    assert len(events) > 1


def test_end_of_the_block_while_threads_wait(cache: TokenCache) -> None:
    """They wait no longer."""
    requests: list[int | None] = []
    fill(cache, Message(1, AccessToken("old"), 60), requests)
    got: list[str | type[IpyauthError]] = []
    thread = renewing(cache, "old", got)
    until(lambda: bool(requests), DEADLINE)
    assert cache.leave("a")
    thread.join(DEADLINE)
    assert got == [NoTokenHere]


def test_header_is_pickled_without_the_token() -> None:
    """The result of a task holds its request."""
    header = WorkerAuthorization.bearer("secret")
    assert "secret" not in repr(header)
    assert b"secret" not in pickle.dumps(header)


@pytest.mark.parametrize(("share", "most"), [(10, 30), (20, 15)])
def test_a_token_whose_end_is_not_known_is_sent_for_an_hour(share: int, most: float) -> None:
    """Whatever share of its time is asked for."""
    tokens = replace(token_set(), expires_at=None)
    assert kernel_module._seconds_left(tokens, share, most) == 3600
