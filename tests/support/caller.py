"""A notebook's kernel that calls an API all day, as a program: from many threads, until its standard input closes.

`python -m tests.support.caller NAME API THREADS` takes the parameters of the sign-in as JSON in the first line of its
standard input. The tokens are those of the file store. In the end it prints what its calls came to, as JSON: how many
were answered with each status, and the errors.
"""

from __future__ import annotations

import json
import sys
import threading
import webbrowser
from collections import Counter

import requests

from ipyauth_magic import Auth, ParamsAuth0
from ipyauth_magic.errors import IpyauthError

from .threads import joined

PAUSE = 0.1
"""Seconds between two calls of a thread."""


def main(name: str, api: str, threads: int) -> None:
    """Call until the end."""
    webbrowser.get = no_browser
    auth = Auth(ParamsAuth0(**json.loads(sys.stdin.readline())), flow="code", store="file").sign_in()
    over, outcomes = threading.Event(), Counter[str]()

    def call_again_and_again(number: int) -> None:
        session = auth.session(api) if number % 2 else with_auth(auth)
        session.trust_env = False
        while not over.wait(PAUSE):
            try:
                answer = session.get(api, headers={"User-Agent": name}, timeout=30)
                outcome = f"{answer.status_code} {len(answer.history)}"
            except (IpyauthError, requests.RequestException) as error:
                outcome = repr(error)
            with lock:
                outcomes[outcome] += 1

    lock = threading.Lock()
    callers = [threading.Thread(target=call_again_and_again, args=(number,)) for number in range(threads)]
    for caller in callers:
        caller.start()
    print("calling", flush=True)
    sys.stdin.read()
    over.set()
    joined(callers, 60)
    print(json.dumps(outcomes), flush=True)


def with_auth(auth: Auth) -> requests.Session:
    """Return an ordinary session whose requests *auth* signs."""
    session = requests.Session()
    session.auth = auth
    return session


def no_browser(using: str | None = None) -> webbrowser.BaseBrowser:
    """Find none: a renewal never opens one."""
    raise webbrowser.Error("there is no browser here")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
