"""Where the kernel runs, and by which way a response reaches it from there: one pure function, a ladder."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from ..errors import InvalidParams, Problem
from ..protocol.urls import LOOPBACK_HOSTS, port_of

_HOSTS = (
    ("COLAB_RELEASE_TAG", "Google Colab"),
    ("KAGGLE_KERNEL_RUN_TYPE", "Kaggle"),
    ("DATABRICKS_RUNTIME_VERSION", "Databricks"),
    ("BINDER_SERVICE_HOST", "Binder"),
    ("BINDER_LAUNCH_HOST", "Binder"),
)
"""Environment variables by which hosts of kernels are known."""

_HUB_PATH = "/hub/user-redirect/callback/"
"""Where JupyterHub sends any user on to the callback of their own server."""

_PORT_IN_PATH = re.compile(r"(?:.*/)?proxy/(?:absolute/)?([1-9][0-9]{0,4})(/.*)")
"""The path of jupyter-server-proxy, and of code-server: the port, and what is left of the path behind it."""


@dataclass(frozen=True)
class JupyterServer:
    """The Jupyter server that started this kernel.

    Attributes:
        port: on which it listens.
        base_url: the path before all that it serves, as `/` or `/user/ada/`.
        hands_over: our extension runs in it, and hands responses to the kernels that wait for them.
    """

    port: int
    base_url: str
    hands_over: bool


@dataclass(frozen=True)
class Environment:
    """Where this kernel runs, as far as it decides how a response can come.

    Attributes:
        hub_prefix: on a JupyterHub, the path of the user's server, as `/user/ada/`.
        proxy_uri: of VS Code or code-server, under which ports of this machine are seen, with `{{port}}` in it.
        host: the name of a service that lends kernels, as `Google Colab`.
        ssh: what comes after `ssh` to get here, as `ada@192.0.2.7`, where somebody came so.
    """

    server: JupyterServer | None = None
    hub_prefix: str | None = None
    proxy_uri: str | None = None
    host: str | None = None
    ssh: str | None = None
    is_container: bool = False

    @classmethod
    def of(
        cls,
        variables: Mapping[str, str],
        modules: Container[str] = (),
        server: JupyterServer | None = None,
        is_container: bool = False,
    ) -> Environment:
        """Return what *variables* of the environment and the names of loaded *modules* tell."""
        host = "Google Colab" if "google.colab" in modules else None
        return cls(
            server=server,
            hub_prefix=variables.get("JUPYTERHUB_SERVICE_PREFIX") or None,
            proxy_uri=variables.get("VSCODE_PROXY_URI") or None,
            host=host or next((name for variable, name in _HOSTS if variables.get(variable)), None),
            ssh=_ssh_destination(variables),
            is_container=is_container,
        )

    @property
    def where(self) -> str | None:
        """The place, in words, if it is one where the user's browser never runs; else None."""
        if self.host:
            return f"at {self.host}"
        if self.hub_prefix:
            return "on a JupyterHub"
        return "behind a proxy of VS Code or code-server" if self.proxy_uri else None


@dataclass(frozen=True)
class Route:
    """How the response to one redirect URI reaches the kernel, and why so.

    Attributes:
        listen_at: the redirect URI as our listener sees it, without what a proxy strips; None: nothing comes to a port
            of ours.
        bind: another address to listen on than that of `listen_at`.
        through_server: the Jupyter server takes the response, and hands it over.
        paste: the user is asked for the URL at which the browser ends.
        reason: a sentence that says what was chosen, and why.
        advice: a sentence that says what else would serve; may be empty.
    """

    redirect_uri: str
    reason: str
    listen_at: str | None = None
    bind: str | None = None
    through_server: bool = False
    paste: bool = False
    advice: str = ""

    @property
    def port(self) -> int | None:
        """The port that our listener needs; None where any one serves, or none."""
        return port_of(self.listen_at) if self.listen_at else None

    @property
    def is_forwarded(self) -> bool:
        """Whether somebody between the browser and us reads, and may log, what is sent to the redirect URI."""
        return self.through_server or self.listen_at not in (None, self.redirect_uri)


def routes_to(
    redirect_uris: Sequence[str],
    environment: Environment,
    response_mode: str = "fragment",
    bind: str | None = None,
    paste: bool = False,
) -> tuple[Route, ...]:
    """Return the ways to try, in order: those of *redirect_uris*, and last the ones where only the user can help.

    Args:
        redirect_uris: as the user gave them.
        environment: where the kernel runs.
        response_mode: `form_post` does not get through Jupyter's login.
        bind: the address on which the user wants us to listen.
        paste: the user wants to be asked in any case.

    Raises:
        InvalidParams: *response_mode* does not go with any of them.
    """
    all_ways = [_way(redirect_uri, environment, bind, paste) for redirect_uri in redirect_uris]
    usable = [way for way in all_ways if response_mode != "form_post" or not way.is_forwarded]
    if not usable:
        raise InvalidParams([_NO_FORM_POST])
    return tuple(sorted(usable, key=lambda way: way.listen_at is None and not way.through_server))


_NO_FORM_POST = Problem(
    "response_mode",
    "form_post does not get through to a kernel behind Jupyter: a browser sends Jupyter's login cookie only with links "
    "(SameSite=Lax). Leave response_mode out",
)


def _way(redirect_uri: str, environment: Environment, bind: str | None, paste: bool) -> Route:
    parts = urlsplit(redirect_uri)
    return (
        _through_jupyter(parts, environment)
        or _through_proxy(parts, environment, paste)
        or _by_listener(parts, environment, bind, paste)
        or Route(
            redirect_uri,
            f"Nothing at {parts.netloc} is known to lead to this kernel, so you bring the response yourself.",
            paste=True,
            advice=_DEVICE,
        )
    )


_DEVICE = "--flow device needs no redirect URI at all."
_INSTALL = (
    "Installed in the environment of the Jupyter server (`pip install 'ipyauth-magic[jupyter]'`, then start it anew), "
    "ipyauth-magic takes the response there."
)


def _through_jupyter(parts: SplitResult, environment: Environment) -> Route | None:
    """Return the way through the Jupyter server, if the redirect URI leads there."""
    server, hub = environment.server, environment.hub_prefix
    by_hub = hub is not None and parts.path.endswith(_HUB_PATH)
    if not by_hub and not _is_of_server(parts, server, hub):
        return None
    redirect_uri = parts.geturl()
    if server is None or not server.hands_over:
        reason = f"Jupyter itself serves {redirect_uri}, and knows nothing of this kernel's sign-in."
        return Route(redirect_uri, reason, paste=True, advice=_INSTALL)
    if by_hub:
        reason = "JupyterHub leads your browser to your own server, whose extension hands the response to this kernel."
    else:
        reason = "The redirect URI is Jupyter's own, whose extension hands the response to this kernel."
    return Route(redirect_uri, reason, through_server=True)


def _is_of_server(parts: SplitResult, server: JupyterServer | None, hub_prefix: str | None) -> bool:
    if hub_prefix is not None and parts.path == f"{hub_prefix}callback/":
        return True
    if server is None or parts.path != f"{server.base_url}callback/":
        return False
    return parts.hostname not in LOOPBACK_HOSTS or parts.port == server.port


def _through_proxy(parts: SplitResult, environment: Environment, paste: bool) -> Route | None:
    """Return the way through a proxy that forwards a port of this machine, if the redirect URI names one."""
    by_template = environment.proxy_uri is not None
    found = _match_template(parts.geturl(), environment.proxy_uri) if environment.proxy_uri else None
    if found is None:
        by_template, found = False, _PORT_IN_PATH.fullmatch(parts.path)
    if found is None or int(found[1]) > 65535:
        return None
    listen_at = f"http://127.0.0.1:{found[1]}{found[2] or '/'}"
    proxy = "VSCODE_PROXY_URI says that it" if by_template else "A proxy, as jupyter-server-proxy has it,"
    reason = f"{proxy} forwards the redirect URI to port {found[1]} of this machine, where this kernel listens."
    return Route(parts.geturl(), reason, listen_at, paste=paste)


def _match_template(redirect_uri: str, proxy_uri: str) -> re.Match[str] | None:
    before, placeholder, after = proxy_uri.partition("{{port}}")
    if not placeholder:
        return None
    after = re.escape(after.rstrip("/"))
    return re.fullmatch(f"{re.escape(before)}([1-9][0-9]{{0,4}}){after}((?:/.*)?)", redirect_uri)


def _by_listener(parts: SplitResult, environment: Environment, bind: str | None, paste: bool) -> Route | None:
    """Return the way to a port of our own, if the browser may reach it."""
    redirect_uri = parts.geturl()
    if parts.hostname not in LOOPBACK_HOSTS:
        if not bind or not parts.port:
            return None
        reason = f"This kernel listens on {bind}, and {parts.netloc} is published as its port."
        return Route(redirect_uri, reason, redirect_uri, bind, paste=paste)
    if bind:
        reason = f"This kernel listens on {bind}, where a published port leads your browser."
        return Route(redirect_uri, reason, redirect_uri, bind, paste=paste)
    if environment.where:
        reason = f"The kernel runs {environment.where}, so your browser does not find it at {parts.netloc}."
        return Route(redirect_uri, reason, redirect_uri, paste=True, advice=_elsewhere(environment))
    reason = "It reaches a listener of this kernel, at the redirect URI, from a browser on this machine."
    return Route(redirect_uri, reason, redirect_uri, paste=paste, advice=_forward_line(parts, environment))


def _elsewhere(environment: Environment) -> str:
    if environment.hub_prefix:
        return f"Or register https://YOUR-HUB{_HUB_PATH} as redirect_uri, which serves all users. {_DEVICE}"
    return _DEVICE


def _forward_line(parts: SplitResult, environment: Environment) -> str:
    """Return what to do where the browser is probably on another machine after all."""
    if environment.ssh:
        host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else parts.hostname
        port = port_of(parts.geturl())
        line = f"ssh -N -L {port}:{host}:{port} {environment.ssh}"
        return f"You came here by SSH: run `{line}` on your own machine, and leave it open. Or --paste."
    if environment.is_container:
        return "In a container, publish that port and give --bind 0.0.0.0. Or --paste."
    return ""


def _ssh_destination(variables: Mapping[str, str]) -> str | None:
    """Return user, host and port as ssh takes them, from what its server says of the connection (sshd(8))."""
    words = variables.get("SSH_CONNECTION", "").split()
    if len(words) != 4 or not words[3].isdigit():
        return None
    user = variables.get("USER") or variables.get("LOGNAME")
    host = f"{user}@{words[2]}" if user else words[2]
    return host if words[3] == "22" else f"-p {words[3]} {host}"
