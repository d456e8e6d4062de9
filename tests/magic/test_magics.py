"""%%auth0 and %token in a real shell."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from fruit_service.issuer.server import LocalIssuer
from ipyauth_magic.auth import Auth
from ipyauth_magic.flows.authenticator import SESSION
from ipyauth_magic.ipython.magics import Auth0Magics
from ipyauth_magic.protocol.tokens import AccessToken
from ipyauth_magic.protocol.urls import port_of
from ipyauth_magic.settings.params import ParamsAuth0
from ipyauth_magic.store import memory
from tests.magic.test_sockets import held
from tests.support.auths import card_of, end_tokens, is_good, params_of, tokens_of
from tests.support.ports import is_free, wait_until_free
from tests.support.scripted_browser import ScriptedBrowser, links_in

Cell = Callable[..., str]
Captured = pytest.CaptureFixture[str]


def run(shell: InteractiveShell, cell: str) -> tuple[Any, str, str, list[Any]]:
    """Run *cell*; return its result, what it printed, its errors, and its displayed bundles."""
    with capture_output() as captured:
        result = shell.run_cell(cell)
    return result, captured.stdout, captured.stderr, captured.outputs


def failure(shell: InteractiveShell, cell: str) -> str:
    """Run *cell*, which must fail without traceback, and return what is said, each problem in one line."""
    result, printed, said, _ = run(shell, cell)
    assert type(result.error_in_exec).__name__ == "UsageError"
    assert "Traceback" not in printed + said
    assert max(map(len, said.splitlines())) <= 88 or "`/" in said  # a path may be longer
    return said.removeprefix("UsageError: ").strip().replace("\n  ", " ")


def test_a_user_signs_in(shell: InteractiveShell, cell: Cell, user_browser: ScriptedBrowser) -> None:
    """`token` and `auth` are there, the magic returns nothing, and `%who` does not list them."""
    result, printed, _, _ = run(shell, cell())
    assert result.success
    assert result.result is None
    assert isinstance(shell.user_ns["token"], AccessToken)
    assert shell.user_ns["auth"].logged_as == "alice"
    assert "Signed in as alice" in printed
    assert "token" not in run(shell, "%who")[1].replace("IPython", "")


def test_names_are_the_users_choice(shell: InteractiveShell, cell: Cell, user_browser: ScriptedBrowser) -> None:
    """-t and -a."""
    assert run(shell, cell("-t fruit_token -a fruit"))[0].success
    assert shell.user_ns["fruit_token"] == shell.user_ns["fruit"].access_token
    assert "token" not in shell.user_ns


def test_the_line_goes_before_the_cell_and_both_before_the_file(
    shell: InteractiveShell, cell: Cell, user_browser: ScriptedBrowser, tmp_path: Path
) -> None:
    """With quotes around values that have spaces."""
    (tmp_path / "demo.env").write_text("login_hint=from-file\naudience=nonsense\n")
    line = f'-f demo.env -d "{tmp_path}" scope="read:usual-fruit write:exotic-fruit"'
    assert run(shell, cell(line))[0].success
    auth = shell.user_ns["auth"]
    assert params_of(auth).scope == "openid profile read:usual-fruit write:exotic-fruit"
    assert (params_of(auth).audience, params_of(auth).login_hint) == ("api/fruit", "from-file")


def test_one_line_without_a_cell(
    shell: InteractiveShell, issuer: LocalIssuer, redirect_uri: str, user_browser: ScriptedBrowser
) -> None:
    """`%auth0` does the same."""
    line = f"%auth0 domain={issuer.issuer.rstrip('/')} client_id={issuer.client_id} redirect_uri={redirect_uri}"
    assert run(shell, line)[0].success
    assert shell.user_ns["auth"].scope == "openid profile"


def test_a_second_run_opens_no_browser(shell: InteractiveShell, cell: Cell, user_browser: ScriptedBrowser) -> None:
    """The same parameters and a token that is still good; --force signs in again."""
    run(shell, cell())
    first = shell.user_ns["auth"]
    result, printed, _, _ = run(shell, cell())
    assert result.success
    assert "Signed in as alice" in printed
    assert len(user_browser.opened) == 1
    assert shell.user_ns["auth"] is first
    run(shell, cell("--force"))
    assert len(user_browser.opened) == 2


def test_quiet_shows_no_card(shell: InteractiveShell, cell: Cell, user_browser: ScriptedBrowser) -> None:
    """Only the link while it waits."""
    assert "Signed in" not in run(shell, cell("-q"))[1]
    assert run(shell, cell("-q"))[1] == ""


def test_no_browser_only_shows_the_link(shell: InteractiveShell, cell: Cell, user_browser: ScriptedBrowser) -> None:
    """The user follows it; a timeout ends the wait."""
    said = failure(shell, cell("--no-browser --timeout 1"))
    assert "Allowed Callback URLs" in said
    assert user_browser.opened == []


def test_parameters_may_come_from_ipythons_configuration(
    shell: InteractiveShell, issuer: LocalIssuer, redirect_uri: str, user_browser: ScriptedBrowser
) -> None:
    """`%config Auth0Magics.domain = ...`; what the cell says goes before."""
    shell.run_line_magic("config", f"Auth0Magics.domain = {issuer.issuer.rstrip('/')!r}")
    shell.run_line_magic("config", f"Auth0Magics.redirect_uri = {redirect_uri!r}")
    shell.run_line_magic("config", "Auth0Magics.client_id = 'other'")
    assert run(shell, f"%auth0 client_id={issuer.client_id}")[0].success
    origins = {row.name: row.origin for row in params_of(shell.user_ns["auth"]).explain()}
    assert (origins["domain"], origins["client_id"]) == ("IPython configuration", "the magic's line")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--timeout soon", "`timeout`"),
        ("--timeout 3601", "`timeout`"),
        ("--flow hybrid", "`flow`"),
        ("--store disk", "`store`"),
        ("--bind example.com", "--bind"),
        ("-t token -a token", "different names"),
        ("-t _", "--token-name"),
        ("-a Out", "--auth-name"),
        ("-t get_ipython", "--token-name"),
        ("-t lambda", "--token-name"),
        ("-t a.b", "--token-name"),
        ("nonsense", "There is no profile `nonsense`"),
        ("work nonsense", "KEY=VALUE"),
        ("scope", "Write `scope=...`"),
        ("demo.env", "write `-f demo.env`"),
        ("envs/demo", "write `-f envs/demo`"),
        ("https://api.example.com/?a=b", "The address of an API is taken by `%login`"),
        ('scope="a b', "quote is not closed"),
        ("--nonsense", "There is no option `--nonsense`"),
        ("client_secret=hunter2hunter2", "Native or Single Page"),
        ("domian=x", "Did you mean `domain`?"),
        ("-f nope.env", "not there: `nope.env`"),
        ("-f a.env dotenv_file=b.env", "given twice"),
        ("response_type=code response_type=code", "given twice"),
    ],
)
def test_a_mistake_is_one_line(
    line: str, said: str, shell: InteractiveShell, cell: Cell, user_browser: ScriptedBrowser
) -> None:
    """The cell fails, nothing is opened, no variable is bound."""
    message = failure(shell, cell(line))
    assert said in message
    assert "hunter2" not in message
    assert user_browser.opened == []
    assert "token" not in shell.user_ns


def test_a_slip_in_the_file_is_told_with_what_is_missing(shell: InteractiveShell, tmp_path: Path) -> None:
    """In the same error."""
    (tmp_path / "slip.env").write_text("domain=t.auth0.com\nCLIENT_ID=abc\n")
    message = failure(shell, f'%auth0 -f slip.env -d "{tmp_path}"')
    assert "`client_id` is missing" in message
    assert "`CLIENT_ID` (from file slip.env) is ignored. Did you mean `client_id`?" in " ".join(message.split())


@pytest.mark.parametrize("mode", ["Context", "Verbose", "Minimal"])
def test_a_refusal_is_one_line_in_every_traceback_mode(
    mode: str, shell: InteractiveShell, cell: Cell, user_browser: ScriptedBrowser
) -> None:
    """With what the provider said; earlier variables stay as they are."""
    shell.run_line_magic("xmode", mode)
    user_browser.change = lambda parameters: {
        "error": "access_denied",
        "error_description": "no <b>way</b>",
        "iss": parameters["iss"],
        "state": parameters["state"],
    }
    message = failure(shell, cell())
    assert "access_denied: no <b>way</b>" in message
    assert "token" not in shell.user_ns


def test_an_api_that_is_not_known_points_at_the_audience(
    shell: InteractiveShell, cell: Cell, user_browser: ScriptedBrowser
) -> None:
    """Auth0 has no code of its own for it, but words."""
    message = failure(shell, cell("audience=api/fruits"))
    assert "access_denied: Service not found: api/fruits" in message
    assert "Check `audience`" in message


def test_the_card_says_what_to_do_next(shell: InteractiveShell, cell: Cell, user_browser: ScriptedBrowser) -> None:
    """With the names of `-a` and `-t`."""
    _, printed, _, _ = run(shell, cell("-a fruit -t fruit_token"))
    said = "`fruit` is ready: `requests.get(url, auth=fruit)`. `fruit_token` is the access token."
    assert said in " ".join(printed.split())


def test_a_scope_that_was_not_granted_is_named(
    shell: InteractiveShell, cell: Cell, user_browser: ScriptedBrowser
) -> None:
    """On the card, where it would be overlooked else."""
    _, printed, _, _ = run(shell, cell('scope="read:usual-fruits read:exotic-fruit"'))
    assert re.search(r"^  Scopes +(\S+ )*read:exotic-fruit$", printed, re.MULTILINE)
    assert re.search(r"^  Not granted +read:usual-fruits$", printed, re.MULTILINE)


def test_a_sign_in_without_any_of_its_scopes_is_no_good_one(
    shell: InteractiveShell, cell: Cell, user_browser: ScriptedBrowser
) -> None:
    """The heading says so, where the sign-in and `%token` show it, and whom to ask."""
    _, printed, _, _ = run(shell, cell("scope=read:usual-fruits"))
    assert "Signed in as alice, but with none of the scopes that you asked for" in printed
    assert "Check the names of these scopes, and ask the API's owner for them." in printed
    _, _, _, [shown] = run(shell, "%token")
    assert "none of the scopes" in shown.data["text/plain"]
    assert "ask the API's owner" in shown.data["text/plain"]


def test_a_taken_port_is_one_line(shell: InteractiveShell, cell: Cell, user_browser: ScriptedBrowser) -> None:
    """It names the port; no browser opens."""
    with held("127.0.0.1") as port:
        message = failure(shell, cell(f"redirect_uri=http://127.0.0.1:{port}/cb"))
    assert f"Port {port} is in use" in message
    assert user_browser.opened == []


def test_a_misspelt_name_in_a_file_is_a_warning(
    shell: InteractiveShell, cell: Cell, user_browser: ScriptedBrowser, tmp_path: Path
) -> None:
    """In one line, and the sign-in goes on."""
    (tmp_path / "x.env").write_text("audiance=x\nDATABASE_URL=y\n")
    result, _, said, _ = run(shell, cell(f"-f {tmp_path}/x.env"))
    assert result.success
    assert said.splitlines() == [
        f"Warning: `audiance` (from file {tmp_path}/x.env) is ignored. Did you mean `audience`?"
    ]


def test_bind_listens_elsewhere_with_a_warning(
    shell: InteractiveShell, cell: Cell, user_browser: ScriptedBrowser
) -> None:
    """A published port of a container needs it; Host and Origin stay the redirect URI's."""
    result, _, said, _ = run(shell, cell("--bind 0.0.0.0"))
    assert result.success
    assert said == "Warning: --bind 0.0.0.0: every computer that reaches that address reaches the listener too\n"


# %token


def test_token_shows_claims_and_no_secret(shell: InteractiveShell, cell: Cell, user_browser: ScriptedBrowser) -> None:
    """As tables, with who, issuer, audience, scopes and a lifetime bar; in HTML without script or id."""
    run(shell, cell())
    result, _, _, outputs = run(shell, "%token")
    assert result.result is None
    bundle = outputs[0].data
    for text in (bundle["text/html"], bundle["text/plain"]):
        for part in ("alice", "auth0|alice", "api/fruit", "read:usual-fruit", "Lifetime"):
            assert part in text
        assert not any(part in text for part in str(shell.user_ns["token"]).split("."))
        assert tokens_of(shell.user_ns["auth"]).claims["nonce"] not in text
    assert "height:3px" in bundle["text/html"], "the bar is that of the countdown"
    assert bundle["text/html"].count("<details ") == 2, "the claims are folded under the card"
    assert "<details open" not in bundle["text/html"]
    assert not any(word in bundle["text/html"] for word in ("<script", "<style", "<svg", " id=", "onclick"))


def test_advice_for_the_next_sign_in_is_given_once(
    shell: InteractiveShell, cell: Cell, user_browser: ScriptedBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the card of the sign-in, and not each time that somebody looks at the token."""
    monkeypatch.setattr(SESSION, "_advised", None)
    assert "--flow code" in run(shell, cell())[1]
    _, _, _, [shown] = run(shell, "%token")
    assert "Signed in as alice" in shown.data["text/plain"]
    assert "--flow code" not in shown.data["text/plain"]


def test_token_as_json(shell: InteractiveShell, cell: Cell, user_browser: ScriptedBrowser) -> None:
    """A dict of the interface's keys."""
    run(shell, cell())
    told = run(shell, "%token --json")[0].result
    assert set(told) == {"header", "claims", "id_claims", "expires_at", "expires_in", "scope"}
    assert told["header"]["alg"] == "RS256"
    assert told["claims"]["scope"] == told["scope"] == "openid profile read:usual-fruit"
    assert told["id_claims"]["sub"] == "auth0|alice"
    assert 0 < told["expires_in"] <= 60
    assert told["expires_at"].endswith("+00:00")


def test_an_opaque_token_is_said_to_be_opaque(
    shell: InteractiveShell, cell: Cell, user_browser: ScriptedBrowser
) -> None:
    """There is nothing to read in it."""
    run(shell, cell('audience=""'))
    assert "opaque" in run(shell, "%token")[3][0].data["text/plain"]
    told = run(shell, "%token --json")[0].result
    assert (told["header"], told["claims"]) == (None, None)


def test_raw_is_the_only_way_to_see_it(shell: InteractiveShell, cell: Cell, user_browser: ScriptedBrowser) -> None:
    """It prints the token and returns nothing."""
    run(shell, cell())
    result, printed, _, _ = run(shell, "%token --raw")
    assert printed == f"{shell.user_ns['token']}\n"
    assert result.result is None


def test_token_of_a_name(shell: InteractiveShell, cell: Cell, user_browser: ScriptedBrowser) -> None:
    """Of -t, of -a; the latest sign-in without one; a JWT in any other variable is not verified."""
    run(shell, cell("-t one -a first"))
    run(shell, cell("-t two -a second scope=email"))
    assert run(shell, "%token --json one")[0].result["scope"].endswith("read:usual-fruit")
    assert run(shell, "%token --json second")[0].result["scope"].endswith("email")
    assert run(shell, "%token --json")[0].result["scope"].endswith("email")
    listed = run(shell, "%token --list")[3][0].data["text/plain"].splitlines()
    assert [line.split() for line in listed if "User" in line] == [["User", "API", "Scopes", "Ends", "Variables"]]
    [first] = [line for line in listed if "one, first" in line]
    assert re.search(r"api/fruit .* \d\d:\d\d ", first), first
    assert any("two, second" in line for line in listed)
    assert max(map(len, listed)) <= 80
    shell.user_ns["foreign"] = str(shell.user_ns["first"].id_token)
    assert "not verified" in run(shell, "%token foreign")[3][0].data["text/plain"]
    assert run(shell, "%token --json foreign")[0].result["claims"]["sub"] == "auth0|alice"


def test_clear_forgets(shell: InteractiveShell, cell: Cell, user_browser: ScriptedBrowser) -> None:
    """The variables too; the provider's session goes on, and that is told."""
    run(shell, cell())
    said = run(shell, "%token --clear")[1].splitlines()
    assert said[:2] == [
        "Forgot the sign-in of alice (auth0|alice) for api/fruit.",
        "The variables `token` and `auth` are gone.",
    ]
    assert said[2].startswith("The provider was not told.")
    assert max(map(len, said)) <= 88
    assert "token" not in shell.user_ns
    assert "auth" not in shell.user_ns
    assert "You are not signed in" in failure(shell, "%token")
    run(shell, cell())
    assert len(user_browser.opened) == 2


def test_a_variable_given_another_token_is_not_taken_for_what_it_was(
    shell: InteractiveShell, cell: Cell, user_browser: ScriptedBrowser
) -> None:
    """What it holds now is what `%token` shows; forgetting or renewing the first sign-in leaves it alone."""
    run(shell, cell("-t one -a first"))
    run(shell, cell("-t two -a second scope=email"))
    run(shell, "one = second.access_token")
    assert run(shell, "%token one --json")[0].result["scope"].endswith("email")
    run(shell, "%token first --renew")
    assert shell.user_ns["one"] == shell.user_ns["second"].access_token
    run(shell, "%token first --clear")
    assert shell.user_ns["one"] == shell.user_ns["second"].access_token
    run(shell, "%token one --clear")
    assert "second" not in shell.user_ns
    assert "two" not in shell.user_ns


def test_token_finds_what_its_name_stands_for(
    shell: InteractiveShell, cell: Cell, user_browser: ScriptedBrowser
) -> None:
    """Also after a new sign-in in Python, and without becoming the latest by being looked at."""
    run(shell, cell("-t one -a first"))
    run(shell, cell("-t two -a second scope=email"))
    run(shell, "%token one")
    assert run(shell, "%token --json")[0].result["scope"].endswith("email")
    shell.user_ns["second"].sign_in(force=True)
    assert "verified" not in run(shell, "%token two")[3][0].data["text/plain"].splitlines()[0]
    shell.user_ns["first"].clear()
    assert run(shell, "%token --list")[0].success
    shell.user_ns["two"] = 42
    run(shell, "%token second --clear")
    assert shell.user_ns["two"] == 42
    assert "second" not in shell.user_ns


def test_config_helps_after_a_failure(shell: InteractiveShell, cell: Cell, user_browser: ScriptedBrowser) -> None:
    """A refusal's remedy says to look there."""
    user_browser.change = lambda parameters: {
        "error": "invalid_request",
        "iss": parameters["iss"],
        "state": parameters["state"],
    }
    assert "%token --config" in failure(shell, cell())
    assert "ipyauth-demo" in run(shell, "%token --config")[3][0].data["text/plain"]


def test_renew_signs_in_again_and_binds_the_new_token(
    shell: InteractiveShell, cell: Cell, user_browser: ScriptedBrowser
) -> None:
    """Under the same names."""
    run(shell, cell("-t mine -a my_auth"))
    nonce = shell.user_ns["my_auth"].id_token
    assert run(shell, "%token mine --renew")[0].success
    assert shell.user_ns["my_auth"].id_token != nonce
    assert shell.user_ns["mine"] == shell.user_ns["my_auth"].access_token


def test_renew_keeps_the_names_out_of_sight(shell: InteractiveShell, cell: Cell, user_browser: ScriptedBrowser) -> None:
    """Also in the cell that renews."""
    run(shell, cell("-t mine -a my_auth"))
    before = shell.user_ns["mine"]
    listed = run(shell, "%token mine --renew\n%whos\n%who")[1]
    assert shell.user_ns["mine"] is not before
    assert not [name for name in ("mine", "AccessToken", str(shell.user_ns["mine"])[:12]) if name in listed]


def test_config_lists_each_setting_with_its_origin(
    shell: InteractiveShell, cell: Cell, user_browser: ScriptedBrowser
) -> None:
    """And which way the response comes."""
    run(shell, cell("login_hint=me"))
    text = run(shell, "%token --config")[3][0].data["text/plain"]
    rows = [re.split(r"  +", line) for line in text.splitlines()]
    assert ["Setting", "Value", "From"] in rows
    assert ["login_hint", "me", "the magic's line"] in rows
    assert ["client_id", "ipyauth-demo", "the cell"] in rows
    assert "where this kernel listens" in text


def test_config_names_endpoints_on_another_host(
    shell: InteractiveShell, cell: Cell, user_browser: ScriptedBrowser, issuer: LocalIssuer
) -> None:
    """As far as they are known from a sign-in; those of the issuer's own host are left out."""
    path = "/.well-known/openid-configuration"
    document = requests.get(issuer.issuer.rstrip("/") + path, timeout=30).json()
    issuer.switches.answer(path, 200, document | {"userinfo_endpoint": "https://users.test/userinfo"})
    run(shell, cell())
    text = run(shell, "%token --config")[3][0].data["text/plain"]
    assert "userinfo_endpoint https://users.test/userinfo not the issuer's host" in " ".join(text.split())
    assert "token_endpoint" not in text


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("%token", "You are not signed in"),
        ("%token nothing", "holds no token"),
        ("%token number", "holds no token"),
        ("%token text", "holds no JWT"),
        ("%token --raw text", "holds no JWT"),
        ("%token --nonsense", "There is no option `--nonsense`"),
    ],
)
def test_a_mistake_of_token_is_one_line(line: str, said: str, shell: InteractiveShell) -> None:
    """No traceback."""
    shell.user_ns |= {"number": 5, "text": "not a token"}
    assert said in failure(shell, line)


# Loading, unloading, documentation


def test_help_names_every_option(shell: InteractiveShell, capsys: Captured) -> None:
    """`%%auth0?` and `%token?` document each option of the interface."""
    for magic, options in (
        (
            "auth0",
            "-f -d -t -a --flow --timeout --no-browser --bind --store --renewable --no-renewable --force -q --quiet",
        ),
        ("token", "--json --raw --renew --clear --config --list"),
    ):
        documented = str(getattr(Auth0Magics, magic).__doc__)
        assert all(
            f"{option} " in documented
            or f"{option}," in documented
            or f"{option}\n" in documented
            or f"[{option}]" in documented
            for option in options.split()
        )
    assert "%%auth0" in str(Auth0Magics.auth0.__doc__)


def test_unloading_takes_everything_away(shell: InteractiveShell, cell: Cell, user_browser: ScriptedBrowser) -> None:
    """Magics, configuration, completion, tokens."""
    run(shell, cell())
    auth = shell.user_ns["auth"]
    shell.run_line_magic("unload_ext", "ipyauth_magic")
    assert not is_good(auth)
    assert not {"token", "auth"} & set(shell.user_ns)
    assert memory.SHARED._tokens == {}
    assert "auth0" not in shell.magics_manager.magics["cell"]
    assert not {"auth0", "token"} & set(shell.magics_manager.magics["line"])
    assert not any(isinstance(each, Auth0Magics) for each in shell.configurables)
    assert not any("ipyauth" in str(each) for each in getattr(shell.Completer, "custom_matchers", []))
    shell.run_line_magic("load_ext", "ipyauth_magic")


def test_unloading_ends_a_card_that_waits(
    shell: InteractiveShell, params: Callable[..., ParamsAuth0], redirect_uri: str
) -> None:
    """Nobody follows its link any more, so its port is free."""
    waiting = Auth(params())
    with capture_output():
        waiting._ipython_display_()
    port = port_of(redirect_uri)
    assert not is_free(port)
    shell.run_line_magic("unload_ext", "ipyauth_magic")
    assert wait_until_free(port, 5)
    assert "the extension was unloaded" in card_of(waiting).text()
    shell.run_line_magic("load_ext", "ipyauth_magic")


def test_reloading_leaves_one_of_each(shell: InteractiveShell) -> None:
    """`%reload_ext` twice."""
    for _ in range(2):
        shell.run_line_magic("reload_ext", "ipyauth_magic")
    assert sum(type(each).__name__ == "Auth0Magics" for each in shell.configurables) == 1
    assert len([each for each in getattr(shell.Completer, "custom_matchers", []) if "ipyauth" in each.__module__]) <= 1


def test_reloading_tells_how_many_sign_ins_are_forgotten(
    shell: InteractiveShell, cell: Cell, user_browser: ScriptedBrowser, capsys: Captured
) -> None:
    """In one line; a reload that forgets nothing is silent."""
    for count, said in ((0, ""), (1, "a sign-in"), (2, "2 sign-ins")):
        for number in range(count):
            run(shell, cell(f"-t token{number} -a auth{number}", f"login_hint=user{number}"))
        capsys.readouterr()
        shell.run_line_magic("reload_ext", "ipyauth_magic")
        told = f"ipyauth_magic forgot {said} of this session. Run the cell again to sign in.\n" if said else ""
        assert capsys.readouterr().out == told
        assert "token0" not in shell.user_ns


def test_a_bad_configuration_does_not_break_the_next_load(shell: InteractiveShell, capsys: Captured) -> None:
    """IPython keeps a bad value; loading says so and goes on without."""
    shell.config.Auth0Magics.domain = 5
    shell.run_line_magic("reload_ext", "ipyauth_magic")
    assert "cannot be used" in capsys.readouterr().err
    assert "auth0" in shell.magics_manager.magics["cell"]


def test_jupyterlite_is_told_in_one_sentence(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """A kernel in the browser cannot listen."""
    shell.run_line_magic("unload_ext", "ipyauth_magic")
    monkeypatch.setattr(sys, "platform", "emscripten")
    shell.run_line_magic("load_ext", "ipyauth_magic")
    monkeypatch.undo()
    assert "JupyterLite" in capsys.readouterr().out
    assert "auth0" not in shell.magics_manager.magics["cell"]
    shell.run_line_magic("unload_ext", "ipyauth_magic")
    shell.run_line_magic("load_ext", "ipyauth_magic")


def test_the_link_is_the_only_place_of_the_state(
    shell: InteractiveShell, cell: Cell, user_browser: ScriptedBrowser
) -> None:
    """It stands in what is shown while it waits, and nowhere in the namespace."""
    printed = run(shell, cell())[1]
    [link] = [each for each in links_in(printed) if "/authorize?" in each]
    assert link == user_browser.opened[0]


def test_a_renewal_whose_answer_is_no_token_does_not_end_the_cell(
    shell: InteractiveShell, own_issuer: LocalIssuer, make_auth: Callable[..., Auth], user_browser: ScriptedBrowser
) -> None:
    """The provider is asked again, by the browser."""
    auth = make_auth().sign_in()
    end_tokens(auth)
    own_issuer.switches.answer("/oauth/token", 200, {"access_token": "x"})
    names = ("domain", "client_id", "redirect_uri", "audience", "scope")
    lines = [f"{name}={getattr(params_of(auth), name)}" for name in names]
    assert run(shell, "\n".join(["%%auth0 --flow code", *lines]))[0].success
    assert is_good(shell.user_ns["auth"])
    assert len(user_browser.opened) == 2
