"""The ladder: by which way a response comes, and why, from where the kernel runs."""

from __future__ import annotations

import pytest

from ipyauth_magic.callback.routes import Environment, JupyterServer, Route, routes_to
from ipyauth_magic.errors import InvalidParams

LOCAL = "http://127.0.0.1:8765/callback/"
AT_JUPYTER = "http://localhost:8888/callback/"
BY_HUB = "https://hub.example/hub/user-redirect/callback/"
AT_OWN_SERVER = "https://hub.example/user/ada/callback/"
AT_NAMED_SERVER = "https://hub.example/user/ada/lab2/callback/"
BY_PROXY = "https://hub.example/user/ada/proxy/8765/callback/"
OWN_SERVER = JupyterServer(8888, "/", hands_over=True)
BARE_SERVER = JupyterServer(8888, "/", hands_over=False)
HUB = Environment(JupyterServer(45591, "/user/ada/", hands_over=True), hub_prefix="/user/ada/")
NAMED = Environment(JupyterServer(45592, "/user/ada/lab2/", hands_over=True), hub_prefix="/user/ada/lab2/")
HUB_A = Environment(JupyterServer(45593, "/hub-a/user/ada/", hands_over=True), hub_prefix="/hub-a/user/ada/")
HUB_A_NAMED = Environment(
    JupyterServer(45594, "/hub-a/user/ada/lab2/", hands_over=True), hub_prefix="/hub-a/user/ada/lab2/"
)
BY_HUB_A = "https://hub.example/hub-a/hub/user-redirect/callback/"
CALLED_USER = Environment(JupyterServer(45597, "/user/user/lab2/", hands_over=True), hub_prefix="/user/user/lab2/")
MAIL = Environment(JupyterServer(45595, "/user/ada@x.de/", hands_over=True), hub_prefix="/user/ada@x.de/")
UMLAUT = Environment(JupyterServer(45596, "/user/%C3%A4/", hands_over=True), hub_prefix="/user/%C3%A4/")
BARE_HUB = Environment(JupyterServer(45591, "/user/ada/", hands_over=False), hub_prefix="/user/ada/")
CODE_SERVER = Environment(proxy_uri="https://code.example/proxy/{{port}}/")
VS_CODE = Environment(proxy_uri="https://{{port}}-ws.example")
SSH = Environment(ssh="ada@192.0.2.7")

LADDER = [
    # where, redirect URI, what comes to our port, through the server, by hand, words of the reason, of the advice
    (Environment(), LOCAL, LOCAL, False, False, "browser on this machine", ""),
    (Environment(OWN_SERVER), LOCAL, LOCAL, False, False, "browser on this machine", ""),
    (Environment(OWN_SERVER), AT_JUPYTER, None, True, False, "Jupyter serves the", ""),
    (Environment(BARE_SERVER), AT_JUPYTER, None, False, True, "Jupyter itself serves", "ipyauth-magic[jupyter]"),
    (Environment(OWN_SERVER), "http://localhost:8888/other/", "http://localhost:8888/other/", False, False, "", ""),
    (Environment(), AT_JUPYTER, AT_JUPYTER, False, False, "browser on this machine", ""),
    (Environment(OWN_SERVER), "https://lab.example/callback/", None, True, False, "Jupyter serves the", ""),
    (Environment(), "https://lab.example/callback/", None, False, True, "No known route leads", "--flow device"),
    (HUB, BY_HUB, None, True, False, "JupyterHub leads your browser", ""),
    (HUB, AT_OWN_SERVER, None, True, False, "Jupyter serves the", ""),
    (NAMED, AT_NAMED_SERVER, None, True, False, "Jupyter serves the", ""),
    (NAMED, AT_OWN_SERVER, None, False, True, "No known route leads", ""),
    (HUB, "http://127.0.0.1:8000/hub/user-redirect/callback/", None, True, False, "JupyterHub leads", ""),
    (HUB, "https://hub.example/jupyter/hub/user-redirect/callback/", None, True, False, "JupyterHub leads", ""),
    (HUB_A, BY_HUB_A, None, True, False, "JupyterHub leads your browser", ""),
    (HUB_A_NAMED, BY_HUB_A, None, True, False, "JupyterHub leads your browser", ""),
    (HUB_A, BY_HUB, None, False, True, "its JupyterHub is at another path", f"Register {BY_HUB_A} as redirect_uri."),
    (HUB_A_NAMED, BY_HUB, None, False, True, "its JupyterHub is at another path", f"Register {BY_HUB_A} as"),
    (HUB_A, BY_HUB.replace("/hub/", "/hub-b/hub/"), None, False, True, "at another path", f"Register {BY_HUB_A} as"),
    (HUB_A, "https://hub.example/hub-a/user/ada/callback/", None, True, False, "Jupyter serves the", ""),
    (HUB_A, LOCAL, LOCAL, False, True, "runs on a JupyterHub", "https://YOUR-HUB/hub-a/hub/user-redirect/callback/"),
    (MAIL, "https://hub.example/user/ada@x.de/callback/", None, True, False, "Jupyter serves the", ""),
    (
        *(MAIL, "https://hub.example/user/ada%40x.de/callback/", None, True, True, "Jupyter serves the"),
        "Jupyter itself writes this address as https://hub.example/user/ada@x.de/callback/: register that.",
    ),
    (UMLAUT, "https://hub.example/user/%c3%a4/callback/", None, True, True, "Jupyter serves the", "/user/%C3%A4/call"),
    (CALLED_USER, BY_HUB, None, True, False, "JupyterHub leads your browser", ""),
    (HUB, "https://hub.example/user%2Fada/callback/", None, False, True, "No known route leads", ""),
    (BARE_HUB, BY_HUB, None, False, True, "Jupyter itself serves", "ipyauth-magic[jupyter]"),
    (Environment(hub_prefix="/user/ada/"), BY_HUB, None, False, True, "Jupyter itself serves", ""),
    (HUB, LOCAL, LOCAL, False, True, "runs on a JupyterHub", "/hub/user-redirect/callback/"),
    (BARE_HUB, BY_PROXY, LOCAL, False, False, "jupyter-server-proxy", ""),
    (HUB, "https://hub.example/hub/user-redirect/proxy/8765/callback/", LOCAL, False, False, "port 8765", ""),
    (Environment(OWN_SERVER), "http://127.0.0.1:8888/proxy/8765/callback/", LOCAL, False, False, "port 8765", ""),
    (Environment(), "https://x.example/proxy/99999/callback/", None, False, True, "No known route leads", ""),
    (CODE_SERVER, "https://code.example/proxy/8765/callback/", LOCAL, False, False, "VSCODE_PROXY_URI", ""),
    (VS_CODE, "https://8765-ws.example/callback/", LOCAL, False, False, "VSCODE_PROXY_URI", ""),
    (VS_CODE, "https://8765-ws.example", "http://127.0.0.1:8765/", False, False, "VSCODE_PROXY_URI", ""),
    (VS_CODE, "https://other.example/callback/", None, False, True, "No known route leads", ""),
    (CODE_SERVER, LOCAL, LOCAL, False, True, "behind a proxy of VS Code", "--flow device"),
    (SSH, LOCAL, LOCAL, False, False, "", "`ssh -N -L 8765:127.0.0.1:8765 ada@192.0.2.7`"),
    (SSH, "http://[::1]:8765/", "http://[::1]:8765/", False, False, "", "-L 8765:[::1]:8765 ada@192.0.2.7"),
    (Environment(is_container=True), LOCAL, LOCAL, False, False, "", "--bind 0.0.0.0"),
    (Environment(host="Google Colab"), LOCAL, LOCAL, False, True, "at Google Colab", "--flow device"),
    (Environment(host="Kaggle"), LOCAL, LOCAL, False, True, "at Kaggle", "--flow device"),
]


@pytest.mark.parametrize(("where", "redirect_uri", "listen_at", "by_server", "by_hand", "reason", "advice"), LADDER)
def test_the_ladder(
    where: Environment,
    redirect_uri: str,
    listen_at: str | None,
    by_server: bool,
    by_hand: bool,
    reason: str,
    advice: str,
) -> None:
    """Each place and redirect URI has one way, with the reason and what else would serve."""
    [way] = routes_to([redirect_uri], where)
    assert (way.redirect_uri, way.listen_at) == (redirect_uri, listen_at)
    assert (way.through_server, way.paste) == (by_server, by_hand)
    assert reason in way.reason
    assert way.reason.endswith(".")
    assert advice in way.advice
    assert bool(advice) <= bool(way.advice)


def test_the_order_is_the_users_but_for_what_needs_hands() -> None:
    """A way on which the user must paste is tried last."""
    found = routes_to([BY_HUB, "http://127.0.0.1:1/", LOCAL], Environment())
    assert [way.redirect_uri for way in found] == ["http://127.0.0.1:1/", LOCAL, BY_HUB]


def test_paste_and_bind_are_the_users_word() -> None:
    """`--paste` asks in any case; `--bind` makes a published port of another host a way of ours."""
    [way] = routes_to([LOCAL], Environment(), paste=True)
    assert (way.listen_at, way.paste) == (LOCAL, True)
    [way] = routes_to([LOCAL], Environment(is_container=True), bind="0.0.0.0")
    assert (way.bind, way.paste, way.advice) == ("0.0.0.0", False, "")
    [way] = routes_to(["https://box.example:8765/callback/"], Environment(), bind="0.0.0.0")
    assert (way.listen_at, way.bind) == ("https://box.example:8765/callback/", "0.0.0.0")
    assert "published" in way.reason


@pytest.mark.parametrize(("where", "redirect_uri"), [(HUB, BY_HUB), (Environment(OWN_SERVER), AT_JUPYTER)])
def test_form_post_does_not_pass_jupyter(where: Environment, redirect_uri: str) -> None:
    """It is refused with the reason, unless another redirect URI serves."""
    with pytest.raises(InvalidParams, match="SameSite=Lax") as caught:
        routes_to([redirect_uri], where, "form_post")
    assert caught.value.problems[0].name == "response_mode"
    assert [way.redirect_uri for way in routes_to([redirect_uri, LOCAL], where, "form_post")] == [LOCAL]


@pytest.mark.parametrize(
    ("variables", "modules", "where"),
    [
        ({}, (), None),
        ({"JUPYTERHUB_SERVICE_PREFIX": "/user/ada/"}, (), "on a JupyterHub"),
        ({"VSCODE_PROXY_URI": "https://c.example/proxy/{{port}}/"}, (), "behind a proxy of VS Code or code-server"),
        ({"COLAB_RELEASE_TAG": "release-colab"}, (), "at Google Colab"),
        ({}, ("google.colab",), "at Google Colab"),
        ({"KAGGLE_KERNEL_RUN_TYPE": "Interactive"}, (), "at Kaggle"),
        ({"DATABRICKS_RUNTIME_VERSION": "16.4"}, (), "at Databricks"),
        ({"BINDER_LAUNCH_HOST": "https://mybinder.org/", "JUPYTERHUB_SERVICE_PREFIX": "/user/x/"}, (), "at Binder"),
        ({"SSH_CONNECTION": "192.0.2.1 50000 192.0.2.7 22"}, (), None),
    ],
)
def test_where_the_kernel_runs(variables: dict[str, str], modules: tuple[str, ...], where: str | None) -> None:
    """By what each place leaves in the environment; after SSH the browser may well be reached."""
    assert Environment.of(variables, modules).where == where


@pytest.mark.parametrize(
    ("variables", "destination"),
    [
        ({"SSH_CONNECTION": "192.0.2.1 50000 192.0.2.7 22", "USER": "ada"}, "ada@192.0.2.7"),
        ({"SSH_CONNECTION": "192.0.2.1 50000 192.0.2.7 2222", "LOGNAME": "ada"}, "-p 2222 ada@192.0.2.7"),
        ({"SSH_CONNECTION": "192.0.2.1 50000 192.0.2.7 22"}, "192.0.2.7"),
        ({"SSH_CONNECTION": "nonsense"}, None),
        ({"SSH_CONNECTION": "a b c; d"}, None),
        ({}, None),
    ],
)
def test_what_comes_after_ssh(variables: dict[str, str], destination: str | None) -> None:
    """User, host and port of the SSH connection."""
    assert Environment.of(variables).ssh == destination


def test_a_way_knows_its_port_and_who_reads_along() -> None:
    """Ours where we listen; a proxy or a Jupyter server sees, and may log, what passes."""
    [local], [hub], [proxy] = (routes_to([uri], HUB) for uri in (LOCAL, BY_HUB, BY_PROXY))
    assert [way.port for way in (local, hub, proxy)] == [8765, None, 8765]
    assert [way.is_forwarded for way in (local, hub, proxy)] == [False, True, True]
    assert Route("http://127.0.0.1/", "", "http://127.0.0.1/").port == 80
