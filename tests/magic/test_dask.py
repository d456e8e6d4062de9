"""The token follows the work to a Dask cluster of separate processes, and is nowhere but where it is sent from."""

from __future__ import annotations

import gc
import itertools
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from distributed import Client, LocalCluster, Security

from fruit_service.issuer.server import LocalIssuer
from ipyauth_magic import Auth
from ipyauth_magic.auth import authenticator_of
from ipyauth_magic.clients.dask import kernel, worker
from ipyauth_magic.clients.dask.kernel import TokenPublisher, is_safe
from ipyauth_magic.clients.dask.worker import WorkerAuth
from ipyauth_magic.errors import InsecureCluster, NoTokenHere, NotSignedIn, SignInNeeded
from ipyauth_magic.protocol.tokens import TokenSet
from tests.support.auths import source_of, tokens_of
from tests.support.strict_api import StrictApi, strict_api
from tests.support.threads import until

DEADLINE = 30


def make_cluster(**options: Any) -> LocalCluster:
    """Return a cluster on this machine, of two processes if nothing else is said."""
    settings = {"n_workers": 2, "threads_per_worker": 2, "dashboard_address": "127.0.0.1:0", "processes": True}
    return LocalCluster(**settings | options)


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """Two workers, each a process."""
    with make_cluster() as running:
        yield running


@pytest.fixture
def client(cluster: LocalCluster) -> Iterator[Client]:
    """A client of the cluster."""
    with Client(cluster) as connected:
        yield connected


@pytest.fixture
def api() -> Iterator[StrictApi]:
    """An API without leeway."""
    with strict_api() as running:
        yield running


def get(url: str, auth: WorkerAuth) -> requests.Response:
    """Call the API: a task."""
    return requests.get(url, auth=auth, timeout=DEADLINE)


def call(client: Client, url: str, auth: WorkerAuth, worker: str | None = None) -> requests.Response:
    """Return what a task brings, from any worker or from this one."""
    workers = [worker] if worker else None
    answer: requests.Response = client.submit(get, url, auth, pure=False, workers=workers).result(DEADLINE)
    return answer


def blocks() -> list[str]:
    """Return the blocks that a worker has a token of."""
    return list(worker._caches)


def test_tasks_send_the_token(client: Client, make_auth: Callable[..., Auth], api: StrictApi) -> None:
    """From each worker; what travels with them holds none, nor does what they bring back."""
    auth = make_auth().sign_in()
    with auth.on_dask(client) as on_workers:
        answers = [call(client, api.url, on_workers, worker) for worker in client.scheduler_info()["workers"]]
        travels = pickle.dumps(on_workers)
    assert [answer.status_code for answer in answers] == [200, 200]
    assert api.tokens == {auth.access_token}
    assert auth.access_token.encode() not in travels
    assert len(travels) < 200
    assert repr(on_workers).startswith("<WorkerAuth ipyauth-magic-")
    assert [answer.request.headers["Authorization"] for answer in answers] == ["<WorkerAuthorization, hidden>"] * 2


def test_renewal_reaches_every_worker(client: Client, make_auth: Callable[..., Auth], api: StrictApi) -> None:
    """Also a renewal that the notebook asked for."""
    auth = make_auth().sign_in()
    first = auth.access_token
    with auth.on_dask(client) as on_workers:
        second = auth.renew().access_token
        for worker in client.scheduler_info()["workers"]:

            def sends_the_second(worker: str = worker) -> bool:
                call(client, api.url, on_workers, worker)
                return api.arrivals[-1].token == second

            until(sends_the_second, DEADLINE)
    assert api.tokens <= {first, second}


def test_worker_that_joins_later(make_auth: Callable[..., Auth], api: StrictApi) -> None:
    """And one that comes in place of one that died."""
    auth = make_auth().sign_in()
    with make_cluster(n_workers=1) as cluster, Client(cluster) as client, auth.on_dask(client) as on_workers:
        [first] = client.scheduler_info()["workers"]
        cluster.scale(2)
        client.wait_for_workers(2, DEADLINE)
        [second] = set(client.scheduler_info()["workers"]) - {first}
        assert call(client, api.url, on_workers, second).status_code == 200
        client.restart_workers([first], timeout=DEADLINE)
        answers = [call(client, api.url, on_workers, worker) for worker in client.scheduler_info()["workers"]]
        assert [answer.status_code for answer in answers] == [200, 200]


def test_token_that_the_api_refuses(client: Client, make_auth: Callable[..., Auth], own_issuer: LocalIssuer) -> None:
    """It is renewed once, in the kernel, and the request is sent again."""
    auth = make_auth().sign_in()
    late = itertools.chain([1e6], itertools.repeat(0.0))
    with strict_api(lambda: time.time() + next(late)) as api, auth.on_dask(client) as on_workers:
        answer = call(client, api.url, on_workers)
    assert (answer.status_code, [each.status_code for each in answer.history]) == (200, [401])
    assert own_issuer.switches.token_requests["refresh_token"] == 1
    assert [each.token for each in api.arrivals][1:] == [auth.access_token]
    sent = [each.request.headers["Authorization"] for each in (answer, *answer.history)]
    assert sent == ["<WorkerAuthorization, hidden>"] * 2


@pytest.fixture
def short_limit(client: Client) -> Iterator[float]:
    """The seconds for which the workers wait for another token."""
    client.run(set_limit, 2.0)
    yield 2.0
    client.run(set_limit, worker.WAIT_LIMIT)


def set_limit(seconds: float) -> None:
    """Have a worker wait for that long."""
    worker.WAIT_LIMIT = seconds


def test_token_that_the_api_refuses_and_nothing_renews(
    client: Client, make_auth: Callable[..., Auth], short_limit: float
) -> None:
    """The 401 is the answer once the worker has waited its limit; the token serves for other calls."""
    auth = make_auth(renewable=False).sign_in()
    late = itertools.chain([1e6], itertools.repeat(0.0))
    with strict_api(lambda: time.time() + next(late)) as api, auth.on_dask(client) as on_workers:
        begun = time.monotonic()
        assert call(client, api.url, on_workers).status_code == 401
        assert short_limit <= time.monotonic() - begun < DEADLINE / 2
        assert call(client, api.url, on_workers).status_code == 200


def test_provider_that_refuses_to_renew_is_not_asked_on_and_on(
    client: Client, make_auth: Callable[..., Auth], own_issuer: LocalIssuer, short_limit: float
) -> None:
    """A worker that waits asks the kernel every second; the kernel asks the provider once in a few seconds."""
    auth = make_auth().sign_in()
    own_issuer.switches.answer("/oauth/token", 503, {})
    asked = 0

    def count(path: str) -> None:
        nonlocal asked
        asked += path == "/oauth/token"

    own_issuer.switches.watch = count
    late = itertools.chain([1e6], itertools.repeat(0.0))
    with strict_api(lambda: time.time() + next(late)) as api, auth.on_dask(client) as on_workers:
        assert call(client, api.url, on_workers).status_code == 401
    assert asked == 1


def test_signing_out_and_in_again(client: Client, make_auth: Callable[..., Auth], api: StrictApi) -> None:
    """Within the block: a task is told so, in the kernel's words, and then served again."""
    auth = make_auth().sign_in()
    with auth.on_dask(client) as on_workers:

        def is_told() -> bool:
            try:
                return not call(client, api.url, on_workers)
            except NotSignedIn as error:
                return str(error) == str(NotSignedIn())

        def is_served() -> bool:
            try:
                return call(client, api.url, on_workers).status_code == 200
            except NotSignedIn:
                return False

        auth.clear()
        until(is_told, DEADLINE)
        auth.sign_in()
        until(is_served, DEADLINE)


def test_token_that_only_the_user_can_renew(
    client: Client, make_auth: Callable[..., Auth], own_issuer: LocalIssuer, api: StrictApi
) -> None:
    """A task raises `SignInNeeded` once the token has ended, without waiting for long."""
    own_issuer.switches.access_token_lifetime = 2
    auth = make_auth(renewable=False).sign_in()
    with auth.on_dask(client) as on_workers:
        # Not `is_good`: shortly before its end the token is still sent by a worker.
        until(lambda: datetime.now(UTC) >= auth.expires_at, DEADLINE)
        begun = time.monotonic()
        with pytest.raises(SignInNeeded, match="sign_in"):
            call(client, api.url, on_workers)
        assert time.monotonic() - begun < worker.WAIT_LIMIT / 2


def test_unexpected_error(
    client: Client, make_auth: Callable[..., Auth], api: StrictApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user is shown what went wrong as the kernel looked for a token, and the workers are served on."""
    auth = make_auth().sign_in()
    shown: list[type[BaseException]] = []
    monkeypatch.setattr(threading, "excepthook", lambda failure: shown.append(failure.exc_type))
    monkeypatch.setattr(kernel, "RETRY_INTERVAL", 0.1)

    def breaks() -> TokenSet:
        raise RuntimeError

    with auth.on_dask(client) as on_workers:
        assert call(client, api.url, on_workers).status_code == 200
        with monkeypatch.context() as patch:
            patch.setattr(source_of(auth), "get", breaks)
            second = source_of(auth).renew_refused(tokens_of(auth).access_token).access_token
            until(lambda: bool(shown), DEADLINE)
        until(lambda: bool(call(client, api.url, on_workers)) and api.arrivals[-1].token == second, DEADLINE)
    assert set(shown) == {RuntimeError}


def test_end_of_the_block(client: Client, make_auth: Callable[..., Auth], api: StrictApi) -> None:
    """Every worker forgets, also after an error. A later task raises an error. No thread goes on in the kernel."""
    auth = make_auth().sign_in()
    connected = authenticator_of(auth).changed._functions
    with pytest.raises(ZeroDivisionError), auth.on_dask(client) as on_workers:  # noqa: PT012  # the block ends by an error
        assert all(client.run(blocks).values())
        raise ZeroDivisionError
    assert set(map(tuple, client.run(blocks).values())) == {()}
    with pytest.raises(NoTokenHere, match="within the block"):
        call(client, api.url, on_workers)
    with pytest.raises(NoTokenHere, match="use `auth` itself"):
        requests.get(api.url, auth=on_workers, timeout=DEADLINE)
    until(lambda: not [each for each in threading.enumerate() if each.name.startswith("ipyauth-magic-")], DEADLINE)
    assert authenticator_of(auth).changed._functions == connected, "the signal still calls the publisher"
    assert client.submit(len, "the client works on").result(DEADLINE) == 19


def test_nothing_is_kept_after_the_block(client: Client, make_auth: Callable[..., Auth]) -> None:
    """A client lets no handler of events go; what knew the token is gone all the same."""
    with make_auth().sign_in().on_dask(client):
        pass

    def is_gone() -> bool:
        gc.collect()
        return not any(isinstance(each, TokenPublisher) for each in gc.get_objects())

    until(is_gone, DEADLINE)


def test_interrupt_as_the_block_begins(
    client: Client, make_auth: Callable[..., Auth], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is left running, neither here nor there."""
    auth = make_auth().sign_in()
    connected = authenticator_of(auth).changed._functions

    def interrupted(step: Callable[..., Any]) -> Callable[..., None]:
        def run(*args: object, **options: object) -> None:
            step(*args, **options)
            raise KeyboardInterrupt

        return run

    for who, name in ((TokenPublisher, "start"), (client, "subscribe_topic"), (client, "register_plugin")):
        with monkeypatch.context() as patch:
            patch.setattr(who, name, interrupted(getattr(who, name)))
            with pytest.raises(KeyboardInterrupt), auth.on_dask(client):
                pass
    assert set(map(tuple, client.run(blocks).values())) == {()}
    until(lambda: not [each for each in threading.enumerate() if each.name.startswith("ipyauth-magic-")], DEADLINE)
    assert authenticator_of(auth).changed._functions == connected, "the signal still calls the publisher"


def test_worker_that_hangs_or_dies(
    make_auth: Callable[..., Auth], api: StrictApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the block begins or ends: the worker in its place serves, and the end waits for a limited time."""
    auth = make_auth().sign_in()
    with make_cluster(n_workers=1) as cluster, Client(cluster) as client:

        def stop() -> int:
            [process] = client.run(os.getpid).values()
            os.kill(process, signal.SIGSTOP)
            return int(process)

        def stop_and_kill_soon() -> None:
            threading.Timer(0.3, os.kill, (stop(), signal.SIGKILL)).start()

        stop_and_kill_soon()
        with auth.on_dask(client) as on_workers:
            client.wait_for_workers(1, DEADLINE)
            assert call(client, api.url, on_workers).status_code == 200
            stop_and_kill_soon()
        client.wait_for_workers(1, DEADLINE)
        monkeypatch.setattr(kernel, "SHUTDOWN_TIMEOUT", 0.5)
        with auth.on_dask(client):
            process, begun = stop(), time.monotonic()
        assert time.monotonic() - begun < DEADLINE / 3
        os.kill(process, signal.SIGCONT)
        until(lambda: set(map(tuple, client.run(blocks).values())) == {()}, DEADLINE)


def test_client_that_is_closed_within_the_block(make_auth: Callable[..., Auth]) -> None:
    """The block ends all the same, and the cluster, which goes on, forgets."""
    auth = make_auth().sign_in()
    with make_cluster(n_workers=1, processes=False) as cluster:
        client = Client(cluster)
        with auth.on_dask(client) as on_workers:
            assert blocks() == [on_workers._name]
            client.close()
        assert blocks() == []
        assert on_workers._name not in cluster.scheduler.worker_plugins


def test_workers_that_are_threads_of_the_kernel(make_auth: Callable[..., Auth], api: StrictApi) -> None:
    """They share one cache, and the token stays while one of them is there."""
    auth = make_auth().sign_in()
    with make_cluster(processes=False) as cluster, Client(cluster) as client, auth.on_dask(client) as on_workers:
        first, second = client.scheduler_info()["workers"]
        assert call(client, api.url, on_workers, first).status_code == 200
        client.retire_workers([first])
        assert call(client, api.url, on_workers, second).status_code == 200
        assert len(blocks()) == 1
    assert blocks() == []


def test_cluster_with_tls(make_auth: Callable[..., Auth], api: StrictApi) -> None:
    """It serves as it is."""
    auth = make_auth().sign_in()
    security = Security.temporary()
    with (
        make_cluster(n_workers=1, processes=False, security=security, protocol="tls://") as cluster,
        Client(cluster, security=security) as client,
        auth.on_dask(client) as on_workers,
    ):
        assert client.scheduler_info()["address"].startswith("tls://")
        assert call(client, api.url, on_workers).status_code == 200


def test_messages_that_are_none(client: Client, make_auth: Callable[..., Auth], api: StrictApi) -> None:
    """Whatever others say under the block's topic, the workers are served."""
    auth = make_auth().sign_in()
    key = {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"}
    with auth.on_dask(client) as on_workers:
        name = on_workers._name
        for message in (None, "x", {}, {"worker": 1, "public_key": 2, "refused": 3}, {"worker": "tcp://127.0.0.1:1"}):
            client.log_event(name, message)
        client.log_event(name, {"worker": "tcp://127.0.0.1:1", "public_key": key, "refused": None})
        assert call(client, api.url, on_workers).status_code == 200
        auth.renew()
        until(lambda: bool(call(client, api.url, on_workers)) and api.arrivals[-1].token == auth.access_token, DEADLINE)


@pytest.mark.parametrize(
    ("address", "safe"),
    [
        ("tls://10.0.0.1:8786", True),
        ("wss://hub.test/dask", True),
        ("gateway://hub.test:8786/a1", True),
        ("inproc://10.0.0.1/1/1", True),
        ("tcp://127.0.0.1:8786", True),
        ("tcp://127.1.2.3:8786", True),
        ("tcp://[::1]:8786", True),
        ("tcp://localhost:8786", True),
        ("tcp://10.0.0.1:8786", False),
        ("tcp://127.evil.test:8786", False),
        ("tcp://localhost.evil.test:8786", False),
        ("ws://10.0.0.1:8786", False),
        ("ucx://10.0.0.1:8786", False),
        ("tcp://[::1", False),
        ("10.0.0.1:8786", False),
        ("", False),
    ],
)
def test_which_connections_are_safe(address: str, safe: bool) -> None:
    """With TLS, or on this machine."""
    assert is_safe(address) is safe


@pytest.mark.parametrize("far_away", range(3))
def test_cluster_without_tls(make_auth: Callable[..., Auth], far_away: int) -> None:
    """It is refused where the scheduler, as it was found or by its own word, or a worker is far away; which is said."""
    addresses = ["tls://10.0.0.9:1", "tls://10.0.0.9:2", "tls://10.0.0.9:3"]
    addresses[far_away] = "tcp://10.0.0.1:1"
    found, scheduler, worker = addresses
    client: Any = SimpleNamespace(
        asynchronous=False,
        scheduler=SimpleNamespace(address=found),
        scheduler_info=lambda n_workers: {"address": scheduler, "workers": {worker: {}}},
    )
    with (
        pytest.raises(InsecureCluster, match=r"10\.0\.0\.1:1.*without_tls=True"),
        make_auth().sign_in().on_dask(client),
    ):
        pass


def test_worker_that_joins_without_tls(make_auth: Callable[..., Auth], client: Client, api: StrictApi) -> None:
    """It is sent no token, but why; the user's word lets it be."""
    auth = make_auth().sign_in()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ipyauth_magic.clients.dask.kernel.check_connections", lambda client: None)
        patch.setattr("ipyauth_magic.clients.dask.kernel.is_safe", lambda address: False)
        with auth.on_dask(client) as on_workers, pytest.raises(NoTokenHere, match="has no TLS"):
            call(client, api.url, on_workers)
        assert not api.arrivals
        with auth.on_dask(client, without_tls=True) as on_workers:
            assert call(client, api.url, on_workers).status_code == 200


def test_before_any_sign_in(make_auth: Callable[..., Auth], client: Client) -> None:
    """It is said before anything is sent."""
    with pytest.raises(NotSignedIn), make_auth().on_dask(client):
        pass
    assert set(map(tuple, client.run(blocks).values())) == {()}


def test_client_that_is_asynchronous(make_auth: Callable[..., Auth]) -> None:
    """A sentence says that it does not serve."""
    client: Any = SimpleNamespace(asynchronous=True)
    with pytest.raises(TypeError, match="not asynchronous"), make_auth().sign_in().on_dask(client):
        pass


def test_without_dask(make_auth: Callable[..., Auth], monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra to install is named."""
    monkeypatch.setitem(sys.modules, "ipyauth_magic.clients.dask.kernel", None)
    with pytest.raises(ImportError, match=r"ipyauth-magic\[dask\]"):
        make_auth().on_dask(SimpleNamespace())
