"""The token follows the work to a Dask cluster of separate processes, and is nowhere but where it is sent from."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from distributed import Client, LocalCluster, Security

from fruit_service.issuer.server import LocalIssuer
from ipyauth_magic import Auth
from ipyauth_magic.clients.dask import kernel as distributed
from ipyauth_magic.clients.dask import worker as worker_auth
from ipyauth_magic.clients.dask.kernel import Courier, is_safe
from ipyauth_magic.clients.dask.message import Parcel, new_secret, seal_secret
from ipyauth_magic.clients.dask.worker import TokenCaller, TokenPlace, WorkerAuth, WorkerAuthorization
from ipyauth_magic.errors import InsecureCluster, IpyauthError, NoTokenHere, NotSignedIn, SignInNeeded
from ipyauth_magic.protocol.tokens import TokenSet
from tests.support.strict_api import StrictApi, strict_api

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


def places() -> list[str]:
    """Return the blocks that a worker has a place for."""
    return list(worker_auth._places)


def until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + DEADLINE
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)


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
    """Whoever renewed."""
    auth = make_auth().sign_in()
    first = auth.access_token
    with auth.on_dask(client) as on_workers:
        second = auth.renewed_token(first)
        for worker in client.scheduler_info()["workers"]:

            def sends_the_second(worker: str = worker) -> bool:
                call(client, api.url, on_workers, worker)
                return api.arrivals[-1].token == second

            until(sends_the_second)
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


def test_token_that_the_api_refuses_and_nothing_renews(client: Client, make_auth: Callable[..., Auth]) -> None:
    """The 401 is the answer, soon; the token serves for other calls."""
    auth = make_auth(renewable=False).sign_in()
    late = itertools.chain([1e6], itertools.repeat(0.0))
    with strict_api(lambda: time.time() + next(late)) as api, auth.on_dask(client) as on_workers:
        begun = time.monotonic()
        assert call(client, api.url, on_workers).status_code == 401
        assert time.monotonic() - begun < worker_auth.PATIENCE / 2
        assert call(client, api.url, on_workers).status_code == 200


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
        until(is_told)
        auth.sign_in()
        until(is_served)


def test_token_that_only_the_user_can_renew(
    client: Client, make_auth: Callable[..., Auth], own_issuer: LocalIssuer, api: StrictApi
) -> None:
    """A task raises `SignInNeeded` once the token has ended, without waiting for long."""
    own_issuer.switches.access_token_lifetime = 2
    auth = make_auth(renewable=False).sign_in()
    with auth.on_dask(client) as on_workers:
        until(lambda: not auth.is_signed_in)
        begun = time.monotonic()
        with pytest.raises(SignInNeeded, match="sign_in"):
            call(client, api.url, on_workers)
        assert time.monotonic() - begun < worker_auth.PATIENCE / 2


def test_error_that_nobody_foresaw(
    client: Client, make_auth: Callable[..., Auth], api: StrictApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user is shown what went wrong as the kernel looked for a token, and the workers are served on."""
    auth = make_auth().sign_in()
    shown: list[type[BaseException]] = []
    monkeypatch.setattr(threading, "excepthook", lambda failure: shown.append(failure.exc_type))
    monkeypatch.setattr(distributed, "RETRY_AFTER", 0.1)

    def breaks() -> TokenSet:
        raise RuntimeError

    with auth.on_dask(client) as on_workers:
        assert call(client, api.url, on_workers).status_code == 200
        with monkeypatch.context() as patch:
            patch.setattr(auth._kept, "get", breaks)
            second = auth.renewed_token(auth.tokens.access_token)
            until(lambda: bool(shown))
        until(lambda: bool(call(client, api.url, on_workers)) and api.arrivals[-1].token == second)
    assert set(shown) == {RuntimeError}


def test_end_of_the_block(client: Client, make_auth: Callable[..., Auth], api: StrictApi) -> None:
    """Every worker forgets, also after an error; a task says what is the matter; nothing runs on in the kernel."""
    auth = make_auth().sign_in()
    with pytest.raises(ZeroDivisionError), auth.on_dask(client) as on_workers:  # noqa: PT012
        assert all(client.run(places).values())
        raise ZeroDivisionError
    assert set(map(tuple, client.run(places).values())) == {()}
    with pytest.raises(NoTokenHere, match="within the block"):
        call(client, api.url, on_workers)
    with pytest.raises(NoTokenHere, match="use `auth` itself"):
        requests.get(api.url, auth=on_workers, timeout=DEADLINE)
    until(lambda: not [each for each in threading.enumerate() if each.name.startswith("ipyauth-magic-")])
    assert auth._followers == []
    assert client.submit(len, "the client works on").result(DEADLINE) == 19


def test_nothing_is_kept_after_the_block(client: Client, make_auth: Callable[..., Auth]) -> None:
    """A client lets no handler of events go; what knew the token is gone all the same."""
    with make_auth().sign_in().on_dask(client):
        pass

    def is_gone() -> bool:
        gc.collect()
        return not any(isinstance(each, Courier) for each in gc.get_objects())

    until(is_gone)


def test_interrupt_as_the_block_begins(
    client: Client, make_auth: Callable[..., Auth], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is left running, neither here nor there."""
    auth = make_auth().sign_in()

    def interrupted(step: Callable[..., Any]) -> Callable[..., None]:
        def run(*args: object, **options: object) -> None:
            step(*args, **options)
            raise KeyboardInterrupt

        return run

    for who, name in ((Courier, "start"), (client, "subscribe_topic"), (client, "register_plugin")):
        with monkeypatch.context() as patch:
            patch.setattr(who, name, interrupted(getattr(who, name)))
            with pytest.raises(KeyboardInterrupt), auth.on_dask(client):
                pass
    assert set(map(tuple, client.run(places).values())) == {()}
    until(lambda: not [each for each in threading.enumerate() if each.name.startswith("ipyauth-magic-")])
    assert auth._followers == []


def test_worker_that_hangs_or_dies(
    make_auth: Callable[..., Auth], api: StrictApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the block begins or ends: what comes in its place serves, the end waits not for long, and is no error."""
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
        monkeypatch.setattr(distributed, "FAREWELL", 0.5)
        with auth.on_dask(client):
            process, begun = stop(), time.monotonic()
        assert time.monotonic() - begun < DEADLINE / 3
        os.kill(process, signal.SIGCONT)
        until(lambda: set(map(tuple, client.run(places).values())) == {()})


def test_client_that_is_closed_within_the_block(make_auth: Callable[..., Auth]) -> None:
    """The block ends all the same, and the cluster, which goes on, forgets."""
    auth = make_auth().sign_in()
    with make_cluster(n_workers=1, processes=False) as cluster:
        client = Client(cluster)
        with auth.on_dask(client) as on_workers:
            assert places() == [on_workers._name]
            client.close()
        assert places() == []
        assert on_workers._name not in cluster.scheduler.worker_plugins


def test_workers_that_are_threads_of_the_kernel(make_auth: Callable[..., Auth], api: StrictApi) -> None:
    """They share one place, and the token stays while one of them is there."""
    auth = make_auth().sign_in()
    with make_cluster(processes=False) as cluster, Client(cluster) as client, auth.on_dask(client) as on_workers:
        first, second = client.scheduler_info()["workers"]
        assert call(client, api.url, on_workers, first).status_code == 200
        client.retire_workers([first])
        assert call(client, api.url, on_workers, second).status_code == 200
        assert len(places()) == 1
    assert places() == []


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
        auth.renewed_token(auth.access_token)
        until(lambda: bool(call(client, api.url, on_workers)) and api.arrivals[-1].token == auth.access_token)


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


def test_nobody_is_signed_in(make_auth: Callable[..., Auth], client: Client) -> None:
    """It is said before anything is sent."""
    with pytest.raises(NotSignedIn), make_auth().on_dask(client):
        pass
    assert set(map(tuple, client.run(places).values())) == {()}


def test_client_that_is_asynchronous(make_auth: Callable[..., Auth]) -> None:
    """A sentence says that it does not serve."""
    client: Any = SimpleNamespace(asynchronous=True)
    with pytest.raises(TypeError, match="not asynchronous"), make_auth().sign_in().on_dask(client):
        pass


def test_without_dask(make_auth: Callable[..., Auth], monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra to install is named."""
    monkeypatch.setitem(sys.modules, "ipyauth_magic.clients.dask.kernel", None)
    with pytest.raises(ImportError, match=r"ipyauth-magic\[dask\]"):
        make_auth().on_dask(SimpleNamespace())  # type: ignore[arg-type]


class TestPlace:
    """What a worker does with what comes."""

    @pytest.fixture
    def place(self) -> TokenPlace:
        """A place that nothing has come to."""
        return TokenPlace()

    @staticmethod
    def fill(place: TokenPlace, parcel: Parcel, calls: list[int | None] | None = None) -> Callable[[Parcel], None]:
        """Send *parcel* with the secret, note in *calls* what the place asks for, and return what sends more."""
        secret = new_secret()
        caller: Any = SimpleNamespace(address="a", call=(calls if calls is not None else []).append)
        place.join(caller)
        place.take(seal_secret(secret, place.public_key), parcel.sealed(secret))
        return lambda more: place.take(None, more.sealed(secret))

    def test_older_parcel(self, place: TokenPlace) -> None:
        """One that was overtaken on the way changes nothing."""
        send = self.fill(place, Parcel(2, worker_auth.AccessToken("new"), 60))
        send(Parcel(1, worker_auth.AccessToken("old"), 60))
        assert place.token() == "new"

    def test_parcel_for_somebody_else(self, place: TokenPlace) -> None:
        """It is not taken, also before the secret has come."""
        place.take(None, Parcel(1, worker_auth.AccessToken("x"), 60).sealed(new_secret()))
        assert not place.has_anything
        self.fill(place, Parcel(1, worker_auth.AccessToken("mine"), 60))
        with pytest.raises(ValueError, match="somebody else"):
            place.take(None, Parcel(9, worker_auth.AccessToken("x"), 60).sealed(new_secret()))
        assert place.token() == "mine"

    def test_token_that_ends(self, place: TokenPlace, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is not sent, the kernel is asked, and after a while it is said that nothing came."""
        monkeypatch.setattr(worker_auth, "PATIENCE", 0.3)
        calls: list[int | None] = []
        self.fill(place, Parcel(1, worker_auth.AccessToken("x"), lasts=0), calls)
        with pytest.raises(NoTokenHere, match="within 0.3 seconds"):
            place.token()
        assert calls == [None]

    def test_many_threads_ask_once(self, place: TokenPlace) -> None:
        """And all of them get what comes."""
        calls: list[int | None] = []
        send = self.fill(place, Parcel(1, worker_auth.AccessToken("old"), 60), calls)
        got: list[str] = []
        threads = [threading.Thread(target=lambda: got.append(place.token(other_than="old"))) for _ in range(20)]
        for thread in threads:
            thread.start()
        until(lambda: bool(calls))
        send(Parcel(2, worker_auth.AccessToken("new"), 60))
        for thread in threads:
            thread.join(DEADLINE)
        assert got == ["new"] * 20
        assert calls == [1]

    def test_renewed_token_that_is_the_same(self, place: TokenPlace) -> None:
        """Two of one second may be, to the letter: the later one is another."""
        calls: list[int | None] = []
        send = self.fill(place, Parcel(1, worker_auth.AccessToken("same"), 60), calls)
        got: list[str] = []
        thread = threading.Thread(target=lambda: got.append(place.token(other_than="same")))
        thread.start()
        until(lambda: bool(calls))
        send(Parcel(2, worker_auth.AccessToken("same"), 60))
        thread.join(DEADLINE)
        assert (got, calls) == (["same"], [1])

    def test_error_that_many_tasks_meet(self, place: TokenPlace) -> None:
        """Each raises one of its own: the same one would grow by every traceback, until it cannot be pickled."""
        self.fill(place, Parcel(1, error=NotSignedIn()))
        met: list[IpyauthError] = []
        for _ in range(2):
            with pytest.raises(NotSignedIn) as raised:
                place.token()
            met.append(raised.value)
        assert met[0] is not met[1]
        assert str(met[0]) == str(met[1]) == str(NotSignedIn())

    def test_last_word_while_another_thread_comes(self, place: TokenPlace, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is for those who wait, whoever else takes the token meanwhile; it is not for who comes later."""
        monkeypatch.setattr(worker_auth, "CALL_INTERVAL", 0.1)
        calls: list[int | None] = []
        send = self.fill(place, Parcel(1, worker_auth.AccessToken("only"), 60), calls)
        met: list[type[IpyauthError]] = []

        def wait() -> None:
            try:
                place.token(other_than="only")
            except IpyauthError as error:
                met.append(type(error))

        thread = threading.Thread(target=wait)
        thread.start()
        until(lambda: bool(calls))
        with place._arrival:
            send(Parcel(1, worker_auth.AccessToken("only"), 60, is_last=True))
            assert place.token() == "only"
        thread.join(worker_auth.PATIENCE / 2)
        assert met == [SignInNeeded]

        later = threading.Thread(target=wait)
        later.start()
        until(lambda: len(calls) > 1)
        send(Parcel(2, worker_auth.AccessToken("new"), 60))
        later.join(DEADLINE)
        assert met == [SignInNeeded]

    def test_nobody_answers(self, place: TokenPlace, monkeypatch: pytest.MonkeyPatch) -> None:
        """A worker asks for a while only: the kernel may have died and left its plugin."""
        monkeypatch.setattr(worker_auth, "PATIENCE", 0.3)
        calls: list[object] = []
        worker: Any = SimpleNamespace(address="a", log_event=lambda topic, message: calls.append(message))

        async def ask() -> None:
            caller = TokenCaller("topic", worker, place)
            caller.begin()
            await asyncio.wait_for(asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}), DEADLINE)

        asyncio.run(ask())
        assert len(calls) > 1

    def test_end_while_threads_wait(self, place: TokenPlace) -> None:
        """They wait no longer."""
        calls: list[int | None] = []
        self.fill(place, Parcel(1, worker_auth.AccessToken("old"), 60), calls)
        met: list[IpyauthError] = []

        def wait() -> None:
            try:
                place.token(other_than="old")
            except IpyauthError as error:
                met.append(error)

        thread = threading.Thread(target=wait)
        thread.start()
        until(lambda: bool(calls))
        assert place.leave("a")
        thread.join(DEADLINE)
        assert [type(error) for error in met] == [NoTokenHere]
        assert "hidden" in repr(WorkerAuthorization.bearer("x"))
