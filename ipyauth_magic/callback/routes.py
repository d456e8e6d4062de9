"""The route of a response to the kernel: `routes_to`, a pure function of the redirect URIs and the environment."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit

from ..errors import InvalidParams, Problem
from ..protocol.urls import LOOPBACK_HOSTS, port_of

_HOSTS = (
    ("COLAB_RELEASE_TAG", "Google Colab"),
    ("KAGGLE_KERNEL_RUN_TYPE", "Kaggle"),
    ("DATABRICKS_RUNTIME_VERSION", "Databricks"),
    ("BINDER_SERVICE_HOST", "Binder"),
    ("BINDER_LAUNCH_HOST", "Binder"),
)
"""Environment variables that identify a hosted notebook service."""

_HUB_PATH = "hub/user-redirect/callback/"
"""The path, below a hub's own, at which JupyterHub redirects each user to the callback of the user's own server."""

_HUB_PREFIX = re.compile(r"(?P<hub>.*?/)user/[^/]+/(?:[^/]+/)?")
"""The path of a user's server: that of the hub, `user`, the user's name, and the server's name if it has one."""

_PORT_IN_PATH = re.compile(r"(?:.*/)?proxy/(?:absolute/)?([1-9][0-9]{0,4})(/.*)")
"""A path of jupyter-server-proxy or of code-server: the port, and the path behind the proxy."""


@dataclass(frozen=True)
class JupyterServer:
    """The Jupyter server that started this kernel.

    Attributes:
        port: the port on which it listens.
        base_url: the prefix of all its paths, as `/` or `/user/ada/`.
        hands_over: our extension runs in it, and passes responses to the kernels that wait for them.
    """

    port: int
    base_url: str
    hands_over: bool


@dataclass(frozen=True)
class Environment:
    """The facts about this kernel's place that decide the route of a response.

    Attributes:
        server: the Jupyter server that started this kernel, or None.
        hub_prefix: on a JupyterHub, the path of the user's server, as `/user/ada/`.
        proxy_uri: the template by which VS Code or code-server forwards ports of this machine; contains `{{port}}`.
        host: the name of a hosted notebook service, as `Google Colab`.
        ssh: the destination for `ssh` if the user is connected by SSH, as `ada@192.0.2.7`.
        is_container: whether this process runs in a container.
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
        """Return the environment that follows from environment *variables* and the names of loaded *modules*."""
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
    def hub_callback(self) -> str:
        """The path at which this kernel's hub redirects each user to the callback of the user's own server."""
        found = _HUB_PREFIX.fullmatch(self.hub_prefix or "")
        return f"{found['hub'] if found else '/'}{_HUB_PATH}"

    @property
    def where(self) -> str | None:
        """The place as words if the user's browser never runs there, else None."""
        if self.host:
            return f"at {self.host}"
        if self.hub_prefix:
            return "on a JupyterHub"
        return "behind a proxy of VS Code or code-server" if self.proxy_uri else None


@dataclass(frozen=True)
class Route:
    """The route by which the response to one redirect URI reaches the kernel.

    Attributes:
        reason: a sentence for the user: the route, and the reason for it.
        listen_at: the redirect URI as our listener sees it, without the prefix that a proxy removes; None if no
            port that the redirect URI names is ours: the user pastes the response, or the Jupyter server passes it on.
        bind: the address to listen on, if it is not that of `listen_at`.
        through_server: the Jupyter server receives the response and passes it on.
        paste: the user is asked to paste the URL from the browser's address bar.
        advice: a sentence for the user with an alternative; may be empty.
        is_advice_first: the response comes only if the user first does as `advice` says.
    """

    redirect_uri: str
    reason: str
    listen_at: str | None = None
    bind: str | None = None
    through_server: bool = False
    paste: bool = False
    advice: str = ""
    is_advice_first: bool = False

    @property
    def port(self) -> int | None:
        """The port of `listen_at`; None if the route needs no particular port."""
        return port_of(self.listen_at) if self.listen_at else None

    @property
    def is_forwarded(self) -> bool:
        """Whether a server between the browser and the kernel reads, and may log, requests to the redirect URI."""
        return self.through_server or self.listen_at not in (None, self.redirect_uri)

    @property
    def is_direct(self) -> bool:
        """Whether the user's browser is on this machine, as far as is known, and reaches each port of it."""
        return not (self.is_forwarded or self.bind or self.paste)


def routes_to(
    redirect_uris: Sequence[str],
    environment: Environment,
    response_mode: str = "fragment",
    bind: str | None = None,
    paste: bool = False,
) -> tuple[Route, ...]:
    """Return the routes to try, in order. Routes on which the user must paste the response come last.

    Args:
        redirect_uris: as the user gave them.
        environment: the place of the kernel.
        response_mode: `form_post` does not pass Jupyter's login, so it excludes routes through a server.
        bind: the address to listen on, if the user gave one.
        paste: ask the user to paste the response on any route.

    Raises:
        InvalidParams: no route works with *response_mode*.
    """
    all_routes = [_route(redirect_uri, environment, bind, paste) for redirect_uri in redirect_uris]
    usable = [route for route in all_routes if response_mode != "form_post" or not route.is_forwarded]
    if not usable:
        raise InvalidParams([_NO_FORM_POST])
    return tuple(sorted(usable, key=lambda route: route.listen_at is None and not route.through_server))


_NO_FORM_POST = Problem(
    "response_mode",
    "form_post does not work for a kernel behind Jupyter, because a browser sends Jupyter's login cookie with links "
    "only (SameSite=Lax). Leave response_mode out",
)


def _route(redirect_uri: str, environment: Environment, bind: str | None, paste: bool) -> Route:
    parts = urlsplit(redirect_uri)
    return (
        _through_jupyter(parts, environment)
        or _to_another_hub(parts, environment)
        or _through_proxy(parts, environment, paste)
        or _by_listener(parts, environment, bind, paste)
        or Route(
            redirect_uri,
            f"No known route leads from {parts.netloc} to this kernel, so you paste the response yourself.",
            paste=True,
            advice=_DEVICE,
        )
    )


_DEVICE = "--flow device needs no redirect URI."
_INSTALL = (
    "Install ipyauth-magic in the environment of the Jupyter server (`pip install 'ipyauth-magic[jupyter]'`) and "
    "restart that server, and it passes the response to this kernel."
)


def _through_jupyter(parts: SplitResult, environment: Environment) -> Route | None:
    """Return the route through the Jupyter server, if the redirect URI leads there."""
    server, hub = environment.server, environment.hub_prefix
    by_hub = hub is not None and parts.path.endswith(environment.hub_callback)
    callback = parts.path if by_hub else _callback_of_server(parts, server, hub)
    if callback is None:
        return None
    redirect_uri = parts.geturl()
    if server is None or not server.hands_over:
        reason = f"Jupyter itself serves {redirect_uri}, and has no extension that passes the response to this kernel."
        return Route(redirect_uri, reason, paste=True, advice=_INSTALL)
    if by_hub:
        reason = "JupyterHub leads your browser to your own server, and the extension in it passes the response on."
    else:
        reason = "Jupyter serves the redirect URI, and the extension in it passes the response to this kernel."
    if callback == parts.path:
        return Route(redirect_uri, reason, through_server=True)
    # A browser sends Jupyter's cookies, and Jupyter finds its handler, by the letters of the path.
    right = f"{parts.scheme}://{parts.netloc}{callback}"
    advice = f"Jupyter itself writes this address as {right}: register that. If your browser shows an error, paste."
    return Route(redirect_uri, reason, through_server=True, paste=True, advice=advice)


def _callback_of_server(parts: SplitResult, server: JupyterServer | None, hub_prefix: str | None) -> str | None:
    """Return the path of the callback as Jupyter writes it, if *parts* lead there, else None."""
    if hub_prefix is not None and _is_same_path(parts.path, f"{hub_prefix}callback/"):
        return f"{hub_prefix}callback/"
    if server is None or not _is_same_path(parts.path, f"{server.base_url}callback/"):
        return None
    is_reached = parts.hostname not in LOOPBACK_HOSTS or parts.port == server.port
    return f"{server.base_url}callback/" if is_reached else None


def _is_same_path(one: str, other: str) -> bool:
    """Tell whether two paths differ at most in what they encode by `%`, and how (RFC 3986, 6.2.2).

    Segment by segment: an encoded slash is part of a name.
    """
    first, second = ([unquote_to_bytes(segment) for segment in path.split("/")] for path in (one, other))
    return first == second


def _to_another_hub(parts: SplitResult, environment: Environment) -> Route | None:
    """Return the route by the user's hands, if the redirect URI is that of a hub at another path than ours."""
    if environment.hub_prefix is None or not parts.path.endswith(f"/{_HUB_PATH}"):
        return None
    right = f"{parts.scheme}://{parts.netloc}{environment.hub_callback}"
    reason = f"{parts.geturl()} does not lead to this kernel, because its JupyterHub is at another path."
    return Route(parts.geturl(), reason, paste=True, advice=f"Register {right} as redirect_uri. {_DEVICE}")


def _through_proxy(parts: SplitResult, environment: Environment, paste: bool) -> Route | None:
    """Return the route through a proxy that forwards a port of this machine, if the redirect URI names such a port."""
    by_template = environment.proxy_uri is not None
    found = _match_template(parts.geturl(), environment.proxy_uri) if environment.proxy_uri else None
    if found is None:
        by_template, found = False, _PORT_IN_PATH.fullmatch(parts.path)
    if found is None or int(found[1]) > 65535:
        return None
    listen_at = f"http://127.0.0.1:{found[1]}{found[2] or '/'}"
    proxy = "The proxy of VSCODE_PROXY_URI" if by_template else "A proxy such as jupyter-server-proxy"
    reason = f"{proxy} forwards the redirect URI to port {found[1]} of this machine, where this kernel listens."
    return Route(parts.geturl(), reason, listen_at, paste=paste)


def _match_template(redirect_uri: str, proxy_uri: str) -> re.Match[str] | None:
    before, placeholder, after = proxy_uri.partition("{{port}}")
    if not placeholder:
        return None
    after = re.escape(after.rstrip("/"))
    return re.fullmatch(f"{re.escape(before)}([1-9][0-9]{{0,4}}){after}((?:/.*)?)", redirect_uri)


def _by_listener(parts: SplitResult, environment: Environment, bind: str | None, paste: bool) -> Route | None:
    """Return the route to a port of our own, if the browser may reach it."""
    redirect_uri = parts.geturl()
    if parts.hostname not in LOOPBACK_HOSTS:
        if not bind or not parts.port:
            return None
        reason = f"This kernel listens on {bind}, and its port is published at {parts.netloc}."
        return Route(redirect_uri, reason, redirect_uri, bind, paste=paste)
    if bind:
        reason = f"This kernel listens on {bind}, and your browser reaches it through a published port."
        return Route(redirect_uri, reason, redirect_uri, bind, paste=paste)
    if environment.where:
        reason = f"The kernel runs {environment.where}, so your browser cannot reach it at {parts.netloc}."
        return Route(redirect_uri, reason, redirect_uri, paste=True, advice=_elsewhere(environment))
    reason = "A browser on this machine sends it to the redirect URI, where this kernel listens."
    advice, is_far = _forward_line(parts, environment), environment.ssh is not None
    return Route(redirect_uri, reason, redirect_uri, paste=paste, advice=advice, is_advice_first=is_far)


def _elsewhere(environment: Environment) -> str:
    if environment.hub_prefix:
        hub = f"https://YOUR-HUB{environment.hub_callback}"
        return f"Or register {hub} as redirect_uri, which serves all users. {_DEVICE}"
    return _DEVICE


def _forward_line(parts: SplitResult, environment: Environment) -> str:
    """Return the advice for a browser that is probably on another machine, or an empty string."""
    if environment.ssh and not parts.port:
        return "You are connected by SSH: give redirect_uri a port, so that you can forward it. Or use --paste."
    if environment.ssh:
        host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else parts.hostname
        line = f"ssh -N -L {parts.port}:{host}:{parts.port} {environment.ssh}"
        return f"You are connected by SSH: run `{line}` on your own machine and leave it open. Or use --paste."
    if environment.is_container:
        return "In a container, publish that port and add --bind 0.0.0.0. Or use --paste."
    return ""


def _ssh_destination(variables: Mapping[str, str]) -> str | None:
    """Return the arguments for `ssh` to this machine, from `SSH_CONNECTION` (sshd(8)), or None."""
    words = variables.get("SSH_CONNECTION", "").split()
    if len(words) != 4 or not words[3].isdigit():
        return None
    user = variables.get("USER") or variables.get("LOGNAME")
    host = f"{user}@{words[2]}" if user else words[2]
    return host if words[3] == "22" else f"-p {words[3]} {host}"
