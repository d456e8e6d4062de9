"""A code of one provider is not sent to another (RFC 9700, 4.4): by `iss`, and else by a redirect URI for each."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fruit_service.issuer.server import LocalIssuer
from ipyauth_magic.auth import Auth
from ipyauth_magic.errors import InvalidResponse, ProviderRefused, SignInFailed
from ipyauth_magic.protocol.tokens import TokenSet
from ipyauth_magic.settings.params import ParamsAuth0
from ipyauth_magic.store import redirect_uris
from ipyauth_magic.store.file import FileStore
from ipyauth_magic.store.opening import open_store
from ipyauth_magic.store.private_directory import PrivateFolder
from ipyauth_magic.store.redirect_uris import FILE, KEPT_FOR, RedirectUris
from tests.support.attempts import Attempt
from tests.support.ports import free_port
from tests.support.scripted_browser import ScriptedBrowser

SignIn = Callable[[ParamsAuth0, ScriptedBrowser], TokenSet]
OTHERS = "was used to sign in at"
URI = "http://127.0.0.1:8765/callback/"


@pytest.fixture
def uris() -> tuple[str, str]:
    """Two redirect URIs whose ports were free a moment ago."""
    return f"http://127.0.0.1:{free_port()}/callback/", f"http://127.0.0.1:{free_port()}/callback/"


@pytest.fixture
def honest(uris: tuple[str, str]) -> Iterator[LocalIssuer]:
    """A provider that does not name itself in its responses."""
    with LocalIssuer(port=0, callback_urls=uris, auto_approve="alice") as running:
        running.switches.names_issuer = False
        yield running


@pytest.fixture
def other(uris: tuple[str, str]) -> Iterator[LocalIssuer]:
    """Another such provider, which may be malicious."""
    with LocalIssuer(port=0, callback_urls=uris, auto_approve="bob") as running:
        running.switches.names_issuer = False
        yield running


def params_for(issuer: LocalIssuer, redirect_uri: str, by: str = "issuer", **more: str) -> ParamsAuth0:
    """Return parameters for a sign-in with a code."""
    named: dict[str, Any] = {by: issuer.issuer, "response_type": "code", "scope": "openid", **more}
    return ParamsAuth0(client_id=issuer.client_id, redirect_uri=redirect_uri, **named)


class LedOn(ScriptedBrowser):
    """A browser that one provider sends on to another, with the same request."""

    def __init__(self, by: LocalIssuer, to: LocalIssuer) -> None:
        super().__init__()
        self.by, self.to = by, to

    def open(self, url: str) -> Any:
        """Open the same request there."""
        return super().open(url.replace(self.by.issuer, self.to.issuer))


@pytest.mark.parametrize("by", ["issuer", "domain"])
def test_redirect_uri_belongs_to_one_provider(
    by: str, honest: LocalIssuer, other: LocalIssuer, uris: tuple[str, str], sign_in: SignIn
) -> None:
    """With `domain` the link is out before the metadata are there; no token request is sent in either case."""
    sign_in(params_for(honest, uris[0]), ScriptedBrowser())
    with pytest.raises(SignInFailed, match=OTHERS) as caught:
        sign_in(params_for(other, uris[0], by), LedOn(other, honest))
    assert honest.issuer in str(caught.value)
    assert "redirect_uri" in str(caught.value)
    assert not other.switches.token_requests
    assert sign_in(params_for(honest, uris[0]), ScriptedBrowser()).logged_as == "alice"


def test_no_link_goes_out_where_the_metadata_are_known(
    honest: LocalIssuer, other: LocalIssuer, uris: tuple[str, str], sign_in: SignIn
) -> None:
    """The user need not sign in first to be told."""
    sign_in(params_for(honest, uris[0]), ScriptedBrowser())
    attempt = Attempt(params_for(other, uris[0]), 30, flow="code")
    with pytest.raises(SignInFailed, match=OTHERS):
        attempt.result()
    attempt.join()
    assert "/authorize" not in other.switches.requests


def test_second_provider_gets_the_next_redirect_uri(
    honest: LocalIssuer, other: LocalIssuer, uris: tuple[str, str], sign_in: SignIn
) -> None:
    """Of those that are given; the first provider keeps its own."""
    both = " ".join(uris)
    sign_in(params_for(honest, both), ScriptedBrowser())
    for issuer, uri in ((other, uris[1]), (honest, uris[0]), (other, uris[1])):
        attempt = Attempt(params_for(issuer, both), 30, flow="code")
        attempt.wait_for_url(10)
        assert attempt.redirect_uri == uri
        ScriptedBrowser().open(str(attempt.url))
        assert attempt.result()
        attempt.join()


def test_any_port_is_one_redirect_uri(honest: LocalIssuer, other: LocalIssuer, sign_in: SignIn) -> None:
    """A provider that takes port 0 takes any port, so another port tells nothing apart there."""
    kept = RedirectUris()
    kept.take(honest.issuer, "http://127.0.0.1:0/callback/")
    with pytest.raises(SignInFailed, match=OTHERS) as caught:
        sign_in(params_for(other, "http://127.0.0.1:0/callback/"), ScriptedBrowser())
    assert "(another path will do)" in str(caught.value)


@pytest.mark.parametrize("who_promises", ["honest", "other"])
def test_provider_that_names_itself_is_exempt(
    who_promises: str, honest: LocalIssuer, other: LocalIssuer, uris: tuple[str, str], sign_in: SignIn
) -> None:
    """RFC 9207: a code that comes with another `iss`, or without the one that was promised, is not sent."""
    issuers = {"honest": honest, "other": other}
    issuers[who_promises].switches.names_issuer = True
    sign_in(params_for(honest, uris[0]), ScriptedBrowser())
    with pytest.raises(InvalidResponse) as caught:
        sign_in(params_for(other, uris[0]), LedOn(other, honest))
    assert caught.value.check == "iss"
    assert not other.switches.token_requests
    if who_promises == "other":
        assert sign_in(params_for(other, uris[0]), ScriptedBrowser()).logged_as == "bob"


def test_response_with_an_error_takes_nothing(
    honest: LocalIssuer, other: LocalIssuer, uris: tuple[str, str], sign_in: SignIn
) -> None:
    """A user who was refused at one provider may go to another at once."""
    with pytest.raises(ProviderRefused):
        sign_in(params_for(honest, uris[0], audience="api/vegetable"), ScriptedBrowser())
    assert sign_in(params_for(other, uris[0]), ScriptedBrowser()).logged_as == "bob"


def test_tokens_that_come_themselves_need_no_redirect_uri_of_their_own(
    honest: LocalIssuer, other: LocalIssuer, uris: tuple[str, str], sign_in: SignIn
) -> None:
    """The ID token names the issuer, and nothing is sent anywhere."""
    sign_in(params_for(honest, uris[0]), ScriptedBrowser())
    asked = params_for(other, uris[0], response_type="token id_token")
    assert sign_in(asked, ScriptedBrowser()).logged_as == "bob"
    assert not RedirectUris().is_of_another(honest.issuer, uris[0])


def test_it_belongs_to_the_provider_for_an_hour() -> None:
    """Counted from its last use; a clock that was set back ends it."""
    now = [1000.0]
    kept = RedirectUris(now=lambda: now[0])
    kept.take("https://a.test", URI)
    now[0] += KEPT_FOR - 1
    kept.take("https://a.test", URI)
    now[0] += KEPT_FOR - 1
    assert kept.is_of_another("https://b.test", URI)
    with pytest.raises(SignInFailed, match=r"`https://a\.test` less than an hour ago"):
        kept.take("https://b.test", URI)
    now[0] += 1
    assert not kept.is_of_another("https://b.test", URI)
    kept.take("https://b.test", URI)
    now[0] = 1000.0
    assert not kept.is_of_another("https://a.test", URI)


def test_another_process_knows_it_too(tmp_path: Path) -> None:
    """By a file of this user alone, beside the tokens."""
    folder = PrivateFolder(tmp_path / "kept")
    RedirectUris(folder).take("https://a.test", URI)
    assert stat.S_IMODE((folder.path / FILE).stat().st_mode) == 0o600
    redirect_uris._used.clear()
    assert RedirectUris(folder).is_of_another("https://b.test", URI)
    assert not RedirectUris(folder).is_of_another("https://b.test", f"{URI}other/")
    assert not RedirectUris().is_of_another("https://b.test", URI)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b'{"a": 1}', b'{"a": ["b", "c"]}', b'{"a": ["b", 1, 2]}', b"\xff", b"[" * 60_000]
)
def test_file_that_is_not_ours_counts_as_none(tmp_path: Path, content: bytes) -> None:
    """And is replaced."""
    folder = PrivateFolder(tmp_path / "kept")
    folder.replace(FILE, content)
    kept = RedirectUris(folder)
    assert not kept.is_of_another("https://b.test", URI)
    kept.take("https://a.test", URI)
    redirect_uris._used.clear()
    assert kept.is_of_another("https://b.test", URI)


def test_folder_that_cannot_be_written_leaves_the_process(tmp_path: Path) -> None:
    """The store itself warns of it."""
    (tmp_path / "file").write_text("")
    kept = RedirectUris(PrivateFolder(tmp_path / "file" / "kept"))
    kept.take("https://a.test", URI)
    assert kept.is_of_another("https://b.test", URI)


def test_number_of_entries_is_bounded(tmp_path: Path) -> None:
    """The latest stay."""
    folder = PrivateFolder(tmp_path / "kept")
    kept = RedirectUris(folder)
    for number in range(300):
        kept.take("https://a.test", f"http://127.0.0.1:{number + 1}/")
    redirect_uris._used.clear()
    assert kept.is_of_another("https://b.test", "http://127.0.0.1:300/")
    assert not kept.is_of_another("https://b.test", "http://127.0.0.1:1/")


def test_where_it_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, honest: LocalIssuer, uris: tuple[str, str], user_browser: Any
) -> None:
    """Beside the tokens where these are kept in files; a sign-in that leaves no file leaves none of this either."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    for store in ("none", "memory"):
        Auth(params_for(honest, uris[0]), store=store).sign_in()
        assert not (tmp_path / "ipyauth_magic").exists()
    Auth(params_for(honest, uris[0]), store="file").sign_in(force=True)
    assert (tmp_path / "ipyauth_magic" / FILE).exists()
    assert RedirectUris.beside(open_store("file"))._folder == FileStore().folder
