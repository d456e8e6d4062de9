"""What listeners do with what browsers and strangers send: `python -m tests.bench.probes`, a table in Markdown.

Each library that is installed signs in at the stub provider, in a process of its own; we play the browser.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

import psutil

from tests.support.ports import free_port, wait_until_free
from tests.support.threads import wait_for

from .field import Helper, environment
from .probed import MAKERS

PATIENCE = 6.0
"""Seconds after which an answer that has not come counts as never."""

FORM = "application/x-www-form-urlencoded"
MARKUP = "<script>not escaped</script>"


class Probed:
    """A library that signs in, and the provider at which it does."""

    def __init__(self, name: str, provider: str) -> None:
        self.name = name
        self.provider = provider
        self.port = free_port()
        self._told: SimpleQueue[dict[str, Any]] = SimpleQueue()

    def __enter__(self) -> Self:
        command = [sys.executable, "-W", "ignore", "-m", "tests.bench.probed", self.name, self.provider, str(self.port)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
        )
        Thread(target=self._read, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._told.put(json.loads(line))

    def told(self, patience: float = 2 * PATIENCE) -> dict[str, Any]:
        """Return the next event; an empty one if none comes."""
        try:
            return self._told.get(timeout=patience)
        except Empty:
            return {}

    def link(self) -> str:
        """Return the link that was to be opened, once the port is listened to."""
        url = str(self.told(30)["opened"])
        wait_for(self.addresses, PATIENCE)
        return url

    def addresses(self) -> list[str]:
        """Return the addresses at which it listens."""
        sockets = psutil.Process(self.process.pid).net_connections("tcp")
        return sorted(each.laddr.ip for each in sockets if each.status == "LISTEN" and each.laddr.port == self.port)

    def good_response(self, url: str) -> dict[str, str]:
        """Return what the provider answers to the link *url*."""
        opener = urllib.request.build_opener(_NoRedirect)
        answer = opener.open(url, timeout=PATIENCE)
        if place := answer.headers.get("Location"):
            parts = urlsplit(place)
            return dict(parse_qsl(parts.fragment or parts.query))
        return dict(parse_qsl(answer.read().decode().partition("\n")[2]))

    def deliver(self, url: str, response: dict[str, str], host: str = "127.0.0.1") -> str:
        """Bring *response* as the browser would that had followed *url*; return the page that it is shown."""
        asked = dict(parse_qsl(urlsplit(url).query))
        target = urlsplit(asked["redirect_uri"])
        path, form = target.path or "/", urlencode(response)
        if "token" in asked["response_type"] and self.name == "requests-auth":
            return self.send("GET", f"{path}?{form}&requests_auth_redirect=1", host=host)
        if "token" in asked["response_type"]:
            origin = f"{target.scheme}://{target.netloc}"
            return self.send("POST", path, form, {"Origin": origin, "Content-Type": FORM}, host)
        if asked.get("response_mode") == "form_post":
            return self.send("POST", path, form, {"Origin": self.provider, "Content-Type": FORM}, host)
        return self.send("GET", f"{path}?{form}", host=host)

    def send(
        self, method: str, path: str, body: str = "", headers: dict[str, str] | None = None, host: str = "127.0.0.1"
    ) -> str:
        """Send one request; return the answer, or what came instead of it."""
        head = {"Host": f"localhost:{self.port}", "Connection": "close", **(headers or {})}
        if body:
            head["Content-Length"] = str(len(body))
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        try:
            with socket.create_connection((host, self.port), timeout=PATIENCE) as connection:
                connection.sendall(f"{method} {path} HTTP/1.1\r\n{lines}\r\n{body}".encode())
                answer = b""
                while more := connection.recv(65536):
                    answer += more
        except OSError as error:
            return f"!{type(error).__name__}"
        return answer.decode("utf-8", "replace")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def http_error_302(self, request: Any, answer: Any, *_: Any) -> Any:
        return answer


def end(event: dict[str, Any]) -> str:
    """Return in words how a sign-in ended."""
    how = event.get("ended", "nothing")
    return {"a token": "signs in", "nothing": "hangs"}.get(how, f"fails: {how}")


def where(library: Probed) -> str:
    """Return where it listens for `localhost`."""
    library.link()
    return ", ".join(library.addresses())


def other_family(library: Probed) -> str:
    """Return what comes of a response that the browser brings to ::1."""
    url = library.link()
    page = library.deliver(url, library.good_response(url), host="::1")
    return "refused" if page.startswith("!") else end(library.told())


def silent_socket(library: Probed) -> str:
    """Return what comes of a response while another connection says nothing."""
    url = library.link()
    response = library.good_response(url)
    with socket.create_connection(("127.0.0.1", library.port)):
        time.sleep(0.2)  # so that the library has accepted it, which cannot be seen
        library.deliver(url, response)
        return end(library.told(PATIENCE))


def noise(library: Probed) -> str:
    """Return what comes of a response after requests that browsers send by themselves."""
    url = library.link()
    response = library.good_response(url)
    for method, path in (("GET", "/favicon.ico"), ("GET", "/"), ("HEAD", "/")):
        library.send(method, path)
    library.deliver(url, response)
    return end(library.told(PATIENCE))


def wrong_state(library: Probed) -> str:
    """Return what comes of a response with another state, before the right one."""
    url = library.link()
    response = library.good_response(url)
    library.deliver(url, response | {"state": "another"})
    first = library.told(2.5)
    if first:
        return "takes it" if "token" in first else end(first)
    library.deliver(url, response)
    return f"goes on, then {end(library.told())}"


def refusal(library: Probed) -> str:
    """Return what the tab says where the provider refuses, and how the caller hears of it."""
    url = library.link()
    state = dict(parse_qsl(urlsplit(url).query))["state"]
    error = {"error": "access_denied", "error_description": f"no fruit {MARKUP}", "state": state}
    page = library.deliver(url, error)
    is_html = "text/html" in page.partition("\r\n\r\n")[0].lower()
    tells = "the reason" if "no fruit" in page else "a failure" if "fail" in page.lower() else "success"
    return f"tab: {tells}{', markup live' if MARKUP in page and is_html else ''}; {end(library.told())}"


def interrupt(library: Probed) -> str:
    """Return how soon Ctrl-C ends the wait, and whether the port is free afterwards."""
    library.link()
    began = time.monotonic()
    library.process.send_signal(signal.SIGINT)
    if not library.told(PATIENCE):
        return "does not end"
    took = time.monotonic() - began
    return f"{took:.1f} s, port {'free' if wait_until_free(library.port, 1) else 'held'}"


def taken_port(library: Probed) -> str:
    """Return what happens where another program holds the port."""
    event = library.told(40)
    opened = "browser opens; " if "opened" in event else ""
    event = library.told(40) if opened else event
    named = str(library.port) in event.get("message", "")
    return f"{opened}{event.get('ended', 'hangs')}, port {'named' if named else 'not named'}"


def shown(library: Probed) -> str:
    """Return which of the objects that a user holds shows the token in its `repr`."""
    url = library.link()
    library.deliver(url, library.good_response(url))
    return ", ".join(library.told().get("shown", ["?"])) or "none"


PROBES: dict[str, Callable[[Probed], str]] = {
    "listens for `localhost` at": where,
    "a response to `::1`": other_family,
    "a response beside a silent socket": silent_socket,
    "favicon, `GET /`, `HEAD /`, then a response": noise,
    "a wrong `state`, then the right one": wrong_state,
    "the provider refuses": refusal,
    "Ctrl-C while it waits": interrupt,
    "the port is taken": taken_port,
    "`repr` shows the token": shown,
}


def probed(name: str, provider: str, probe: Callable[[Probed], str]) -> str:
    """Return what *probe* finds of the library *name*."""
    library = Probed(name, provider)
    holding = socket.create_server(("127.0.0.1", library.port)) if probe is taken_port else None
    try:
        with library:
            return probe(library)
    finally:
        if holding:
            holding.close()


def main() -> None:
    """Probe all that are installed, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.probes", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MAKERS)} (default: what is installed)")
    names = [name for name in parser.parse_args().names or MAKERS if _version(name)]
    with Helper("stub_provider") as stub:
        provider = f"http://127.0.0.1:{stub.said}"
        found = {name: [probed(name, provider, probe) for probe in PROBES.values()] for name in names}
    print("| | " + " | ".join(f"{name} {_version(name)}" for name in names) + " |")
    print("| --- |" + " --- |" * len(names))
    for number, probe in enumerate(PROBES):
        print(f"| {probe} | " + " | ".join(found[name][number] for name in names) + " |")


def _version(name: str) -> str:
    with suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(name)
    return ""


if __name__ == "__main__":
    main()
