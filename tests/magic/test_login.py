"""`%login`, `%logout` and `login()`: any provider, by a code; profiles by their names."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

import ipyauth_magic
from fruit_service.issuer.server import LocalIssuer
from ipyauth_magic import login
from ipyauth_magic.auth import Auth, authenticator_of
from ipyauth_magic.errors import InvalidParams
from ipyauth_magic.flows.authenticator import SESSION
from ipyauth_magic.ipython.magics import MAGICS, Auth0Magics
from ipyauth_magic.settings.options import GROUPS, LOGIN
from ipyauth_magic.settings.params import IpyauthWarning
from ipyauth_magic.settings.profiles import place, shown_path
from ipyauth_magic.store.memory import NoStore
from tests.magic.test_completion import HAS_MATCHERS, offered
from tests.magic.test_magics import failure, run
from tests.support.auths import is_good, params_of
from tests.support.scripted_browser import ScriptedBrowser


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the profiles, which is not there yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return place()


@pytest.fixture
def where(issuer: LocalIssuer, redirect_uri: str) -> dict[str, str]:
    """Where to sign in."""
    return {"issuer": issuer.issuer, "client_id": issuer.client_id, "redirect_uri": redirect_uri}


@pytest.fixture
def profiles(file: Path, where: dict[str, str]) -> Path:
    """A file with two profiles for the local issuer."""
    file.parent.mkdir(parents=True)
    lines = "".join(f'{name} = "{value}"\n' for name, value in where.items())
    file.write_text(f'[work]\n{lines}scope = "read:usual-fruit"\naudience = "api/fruit"\n\n[plain]\n{lines}')
    return file


def flow_of(auth: Auth) -> str:
    """Return the name of the flow by which *auth* signs in."""
    return authenticator_of(auth).grant.flow.name


def words(where: dict[str, str]) -> str:
    """Return *where* as it stands on a line."""
    return " ".join(f"{name}={value}" for name, value in where.items())


# %login


def test_login_signs_in_by_a_code(
    shell: InteractiveShell, where: dict[str, str], user_browser: ScriptedBrowser
) -> None:
    """On a line and in a cell; the same variables as `%%auth0`."""
    assert run(shell, f"%login {words(where)}")[0].success
    assert flow_of(shell.user_ns["auth"]) == "code"
    assert shell.user_ns["token"] == shell.user_ns["auth"].access_token
    cell = "%%login -a mine\n" + "\n".join(f"{name}={value}" for name, value in where.items())
    assert run(shell, cell)[0].success
    assert flow_of(shell.user_ns["mine"]) == "code"
    assert len(user_browser.opened) == 1  # equal sign-ins of a session share their tokens


@pytest.mark.parametrize(
    ("line", "cell", "flow"),
    [
        ("--flow implicit", "", "implicit"),
        ("flow=implicit", "", "implicit"),
        ("", "response_type=id_token token", "implicit"),
        ("", "flow=implicit", "implicit"),
        ("", "", "code"),
    ],
)
def test_another_flow_is_one_that_any_place_says(
    line: str, cell: str, flow: str, shell: InteractiveShell, where: dict[str, str], user_browser: ScriptedBrowser
) -> None:
    """The default is the lowest place of all; `%token --config` calls it so."""
    sign = "%%" if cell else "%"
    assert run(shell, f"{sign}login {line} {words(where)}\n{cell}")[0].success
    assert flow_of(shell.user_ns["auth"]) == flow


def test_the_configuration_goes_before_the_default(
    shell: InteractiveShell, where: dict[str, str], user_browser: ScriptedBrowser
) -> None:
    """`c.Auth0Magics.flow`."""
    shell.run_line_magic("config", "Auth0Magics.flow = 'implicit'")
    assert run(shell, f"%login {words(where)}")[0].success
    assert flow_of(shell.user_ns["auth"]) == "implicit"


def test_auth0_keeps_its_default(shell: InteractiveShell, where: dict[str, str], user_browser: ScriptedBrowser) -> None:
    """The original guide's."""
    assert run(shell, f"%auth0 {words(where)}")[0].success
    assert flow_of(shell.user_ns["auth"]) == "implicit"


# Profiles


def test_a_profile_signs_in_and_has_a_variable_of_its_name(
    shell: InteractiveShell, profiles: Path, user_browser: ScriptedBrowser
) -> None:
    """The line goes before it; a second run finds the same `Auth`."""
    assert run(shell, "%login work")[0].success
    auth = shell.user_ns["auth"]
    assert shell.user_ns["work"] is auth
    assert "read:usual-fruit" in auth.scope.split()
    assert {row.name: row.origin for row in params_of(auth).explain()}["client_id"] == "profile work"
    assert run(shell, "%login work")[0].success
    assert shell.user_ns["work"] is auth
    assert run(shell, "%login work scope=read:exotic-fruit")[0].success
    assert shell.user_ns["work"] is shell.user_ns["auth"] is not auth
    assert run(shell, "%auth0 plain")[0].success
    assert flow_of(shell.user_ns["plain"]) == "implicit"
    assert flow_of(shell.user_ns["work"]) == "code"


def test_a_variable_of_the_user_is_left_alone(
    shell: InteractiveShell, profiles: Path, user_browser: ScriptedBrowser
) -> None:
    """Also one that took the place of ours, and a name of Python's own."""
    shell.user_ns["work"] = 5
    assert run(shell, "%login work")[0].success
    assert shell.user_ns["work"] == 5
    text = profiles.read_text()
    profiles.write_text(text.replace("[plain]", "[print]"))
    assert run(shell, "%login print")[0].success
    assert "print" not in shell.user_ns


def test_a_profile_that_is_not_there_is_one_line(
    shell: InteractiveShell, profiles: Path, user_browser: ScriptedBrowser
) -> None:
    """With the nearest one and all that there are."""
    said = failure(shell, "%login wrok")
    assert "Did you mean `work`?" in said
    assert "work, plain" in said
    assert len(said.splitlines()) == 1


def test_save_keeps_what_the_line_and_the_cell_say(
    shell: InteractiveShell,
    file: Path,
    where: dict[str, str],
    user_browser: ScriptedBrowser,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Once signed in: neither the default flow, nor what comes from elsewhere, nor a token. A rerun is no error."""
    monkeypatch.setenv("AUTH0_AUDIENCE", "api/fruit")
    cell = "%%login --save work --timeout 60\n" + "\n".join(f"{name}={value}" for name, value in where.items())
    result, printed, _, _ = run(shell, cell)
    assert result.success
    assert f"Profile `work` is saved in {shown_path(file)}. `%login work` signs in with it." in printed
    lines = "".join(f'{name} = "{value}"\n' for name, value in where.items())
    assert file.read_text().partition("\n")[2] == f"\n[work]\n{lines}timeout = 60\n"
    token = str(shell.user_ns["token"])
    assert token not in file.read_text()
    assert run(shell, cell.replace("--save", "-q --save"))[1] == ""
    assert run(shell, "%login work")[0].success
    assert len(user_browser.opened) == 1


def test_nothing_is_saved_before_the_parameters_and_the_sign_in_are_good(
    shell: InteractiveShell, file: Path, where: dict[str, str], user_browser: ScriptedBrowser
) -> None:
    """What cannot be saved is told before the browser opens."""
    assert "client_id" in failure(shell, "%login --save work domain=tenant.eu.auth0.com")
    assert "is not taken here" in failure(shell, f"%login --save work {words(where)} client_secret=x")
    assert "is not a name for a profile" in failure(shell, f"%login --save scope {words(where)}")
    assert "No response came" in failure(shell, f"%login --save work --no-browser --timeout 1 {words(where)}")
    assert not file.exists()
    assert user_browser.opened == []


def test_save_replaces_another_profile_only_by_force(
    shell: InteractiveShell, profiles: Path, where: dict[str, str], user_browser: ScriptedBrowser
) -> None:
    """And takes no values from a profile on the same line."""
    before = profiles.read_text()
    assert "--force" in failure(shell, f"%login --save work {words(where)}")
    assert "Leave `plain` out" in failure(shell, "%login plain --save new scope=email")
    assert profiles.read_text() == before
    assert user_browser.opened == []
    assert run(shell, f"%login --save work --force {words(where)}")[0].success
    assert "read:usual-fruit" not in profiles.read_text()


# %login --check


def test_check_signs_in_nowhere(
    shell: InteractiveShell, issuer: LocalIssuer, profiles: Path, user_browser: ScriptedBrowser
) -> None:
    """It shows what works, and needs no `client_id`; a profile serves too."""
    for line in (f"issuer={issuer.issuer}", "plain"):
        result, _, _, outputs = run(shell, f"%login --check {line}")
        assert result.success
        text = " ".join(outputs[0].data["text/plain"].split())
        assert f"What works at {issuer.issuer} code yes:" in text
        assert "device yes:" in text
        assert "<code>auth.userinfo()</code>" in outputs[0].data["text/html"]
    assert user_browser.opened == []
    assert not {"auth", "token", "plain"} & set(shell.user_ns)
    assert "nothing to save" in failure(shell, f"%login --check --save new issuer={issuer.issuer}")


# %logout


def test_logout_ends_the_latest_sign_in(shell: InteractiveShell, profiles: Path, user_browser: ScriptedBrowser) -> None:
    """The tokens and their variables are gone, the `Auth` stays. Nothing more to end is no error."""
    run(shell, "%login work")
    auth = shell.user_ns["auth"]
    result, printed, _, _ = run(shell, "%logout --no-browser")
    assert result.success
    assert "Signed out" in printed
    assert not is_good(auth)
    assert "token" not in shell.user_ns
    assert shell.user_ns["auth"] is shell.user_ns["work"] is auth
    for line in ("%logout", "%logout auth", "%logout work"):
        result, printed, _, _ = run(shell, line)
        assert result.success
        assert printed == "You are not signed in, so there is nothing to sign out of.\n"


@pytest.mark.parametrize("name", ["mine", "mine_token", "work"])
def test_logout_takes_a_variable_or_a_profile(
    name: str, shell: InteractiveShell, profiles: Path, user_browser: ScriptedBrowser
) -> None:
    """Also of a profile whose variable the user needs for something else; other sign-ins stay."""
    shell.user_ns["work"] = 5
    run(shell, "%login work -a mine -t mine_token")
    run(shell, "%login plain")
    assert run(shell, f"%logout {name} --no-browser")[0].success
    assert not is_good(shell.user_ns["mine"])
    assert is_good(shell.user_ns["plain"])
    assert "mine_token" not in shell.user_ns
    assert shell.user_ns["work"] == 5


@pytest.mark.parametrize("is_of_another_session", [False, True])
def test_logout_of_what_is_kept_on_disk(
    is_of_another_session: bool,
    shell: InteractiveShell,
    profiles: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    user_browser: ScriptedBrowser,
) -> None:
    """A profile says where its tokens are."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    profiles.write_text(profiles.read_text().replace("[work]\n", '[work]\nstore = "file"\n'))
    kept = authenticator_of(login("work"))
    if is_of_another_session:
        SESSION.forget(kept)
    result, printed, _, _ = run(shell, "%logout work --no-browser")
    assert result.success
    assert "Signed out" in printed
    assert not authenticator_of(Auth(kept.params)).adopt()
    assert kept.source.is_good == is_of_another_session  # it finds out when it uses the store


def test_a_name_that_is_neither_is_told(shell: InteractiveShell, profiles: Path) -> None:
    """In one line."""
    assert "is not a variable of a sign-in, and not a profile" in failure(shell, "%logout nothing")


# Help, Tab, loading


@pytest.mark.parametrize("magic", ["%login", "%%login", "%auth0", "%token", "%logout"])
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_is_what_the_question_mark_shows(magic: str, option: str, shell: InteractiveShell) -> None:
    """And nothing is done, whatever else stands on the line."""
    body = "\ndomain=x" if magic.startswith("%%") else ""
    result, printed, _, _ = run(shell, f"{magic} --nonsense {option}{body}")
    assert result.success
    assert printed.strip() == str(getattr(Auth0Magics, magic.strip("%")).__doc__).strip()


def test_the_help_has_an_example_before_the_options(shell: InteractiveShell) -> None:
    """Each option once, in its group, in lines that fit a notebook."""
    text = str(Auth0Magics.login.__doc__)
    parts = [text.index(each) for each in ("    %%login\n", *(f"\n{group}:\n" for group in GROUPS))]
    assert parts == sorted(parts)
    assert [line for line in text.splitlines() if len(line) > 80] == []
    for option in LOGIN:
        name = option.metavar if option.nargs else option.names[-1]
        assert text.count(f"  {name}") + text.count(f", {name}") >= 1, name


def test_tab_knows_profiles_files_and_the_cell_of_login(
    shell: InteractiveShell, profiles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files first after `-f`, folders only after `-d`; nothing of Python's where ours has nothing."""
    if not HAS_MATCHERS:
        return
    here = tmp_path / "here"
    (here / "data").mkdir(parents=True)
    for name in ("demo.env", ".env", ".git", "notes.txt", "a b.env"):
        (here / name).touch()
    (here / "data" / "inner.env").touch()
    monkeypatch.chdir(here)
    assert {"work", "plain"} <= offered(shell, "%login ")
    assert offered(shell, "%auth0 wo") == {"work"}
    assert offered(shell, "%%login pl") == {"plain"}
    assert offered(shell, "%logout pl") == {"plain"}
    assert offered(shell, "%login --save w") == {"work"}
    assert {"--save", "--check", "--flow"} <= offered(shell, "%login --")
    assert offered(shell, "%logout --") == {"--no-browser"}
    assert offered(shell, "%%login\nissuer=x\nred") == {"redirect_uri="}
    assert offered(shell, "%%login\nflow=d") == {"device"}
    assert offered(shell, "%login store=k") == {"keyring"}
    assert offered(shell, "%login -f ") == {"demo.env", ".env", "notes.txt", "data/"}
    assert offered(shell, "%login -f d") == {"demo.env", "data/"}
    assert offered(shell, "%login --dotenv-file data/") == {"data/inner.env"}
    assert offered(shell, "%login -d ") == {"data/"}
    assert offered(shell, "%%login\ndotenv_file=de") == {"demo.env"}
    for text in ("%login scope=re", "%%login\nscope=openid re", "%login prin", "%%login\nclient_id=re"):
        assert not {"repr", "print", "%reset"} & offered(shell, text), text


def test_unloading_takes_all_magics_away(shell: InteractiveShell) -> None:
    """And loading brings them back."""
    table = shell.magics_manager.magics
    assert all(name in table[kind] for kind, name in MAGICS)
    shell.run_line_magic("unload_ext", "ipyauth_magic")
    assert not any(name in table[kind] for kind, name in MAGICS)
    shell.run_line_magic("load_ext", "ipyauth_magic")


# login()


def test_login_is_the_function_however_it_is_imported() -> None:
    """No module of the package has its name."""
    assert callable(ipyauth_magic.login)
    assert login is ipyauth_magic.login
    assert "ipyauth_magic.login" not in sys.modules


def test_login_returns_an_auth_that_is_signed_in(
    where: dict[str, str], profiles: Path, user_browser: ScriptedBrowser
) -> None:
    """By parameters, or by a profile with parameters before its own."""
    auth = login(**where)
    assert is_good(auth)
    assert flow_of(auth) == "code"
    assert flow_of(login(**where, flow="implicit", timeout=60)) == "implicit"
    assert login("work").scope.split()[-1] != ""
    assert params_of(login("work", scope="read:exotic-fruit", extra={"hd": "x"})).scope.endswith("read:exotic-fruit")
    opened = len(user_browser.opened)
    login("work")
    assert len(user_browser.opened) == opened
    login("work", force=True)
    assert len(user_browser.opened) == opened + 1


def test_login_takes_a_store(where: dict[str, str], user_browser: ScriptedBrowser) -> None:
    """By its name, as the parameter of that name, or one of the caller's own."""
    own = NoStore()
    assert authenticator_of(login(**where, store=own)).request.store is own
    assert type(authenticator_of(login(**where, store="none")).request.store) is NoStore


def test_mistakes_of_login_are_told_before_anything_opens(
    where: dict[str, str], profiles: Path, user_browser: ScriptedBrowser, tmp_path: Path
) -> None:
    """All at once."""
    for call, said in [
        (lambda: login("wrok"), "Did you mean `work`?"),
        (lambda: login("http://api.example.com"), "The address begins with `http://`"),
        (lambda: login(**where, store="disk"), "`store` .* must be"),
        (lambda: login(**where, timeout=0), "`timeout` .* must be"),
        (lambda: login(**where, colour="red"), "`colour` .* is not a parameter"),
    ]:
        with pytest.raises(InvalidParams, match=said):
            call()
    (tmp_path / "demo.env").write_text("scop=x\n")
    with pytest.warns(IpyauthWarning, match="scop"):
        login(**where, dotenv_file=str(tmp_path / "demo.env"))
    assert len(user_browser.opened) == 1
