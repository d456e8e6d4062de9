"""The kernel runs on a machine that only SSH reaches: the card has the line that leads the browser to it."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from fruit_service.issuer.server import LocalIssuer
from tests.service.running import running_service
from tests.support.chromium import chromium
from tests.support.lab import JupyterLab
from tests.support.machine import NO_BROWSER
from tests.support.netns import RemoteMachine
from tests.support.ports import free_port
from tests.support.signing_in_lab import LINK, signed_in, waiting
from tests.support.site import Site
from tests.support.user_browser import STAY_OPEN, Person

CAME_BY_SSH = {"SSH_CONNECTION": "192.0.2.1 50000 192.0.2.7 22", "USER": "ada"}


def test_a_user_who_came_by_ssh(tmp_path: Path, artefacts: Path) -> None:
    """Without the tunnel the browser does not find the kernel; with it, run as the card says it, the same link does."""
    lab_port, port = free_port(), free_port()
    redirect_uri = f"http://127.0.0.1:{port}/callback/"
    with (
        LocalIssuer(0, [redirect_uri], 900) as issuer,
        running_service(issuer.issuer) as api,
        RemoteMachine() as remote,
        remote.local_forward(lab_port),
        remote.remote_forward(int(urlsplit(issuer.issuer).port or 0)),
        remote.remote_forward(int(urlsplit(api).port or 0)),
        JupyterLab(
            tmp_path / "lab", port=lab_port, launcher=remote.launcher, environ={**NO_BROWSER, **CAME_BY_SSH}
        ) as lab,
        chromium() as browser,
        lab.notebook(browser) as notebook,
    ):
        site = Site(f"domain={issuer.issuer.rstrip('/')}", issuer.issuer, redirect_uri, api)
        notebook.context.add_init_script(STAY_OPEN)
        notebook.run("%load_ext ipyauth_magic").wait()
        cell = notebook.run(site.cell("--flow code"))
        waiting(cell)
        told = re.search(r"ssh -N -L (\d+):127\.0\.0\.1:(\d+) ada@192\.0\.2\.7", cell.text())
        assert told is not None
        assert told.groups() == (str(port), str(port))
        cell.screenshot(artefacts / "ssh-waiting.png")
        lost = cell.open_link(LINK)
        assert Person(lost).sign_in(patience=3) == "lost"
        lost.close()
        assert cell.is_running()
        with remote.local_forward(int(told[1]), int(told[2])):
            tab = signed_in(notebook, cell)
        assert tab.url == redirect_uri
        cell.wait_for_text("Signed in as alice").wait()
        read = f"import requests\n\nrequests.get('{api}/api/fruit', auth=auth).json()['fruits']"
        assert "lychee" in notebook.run(read).wait().text()
        cell.screenshot(artefacts / "ssh-signed-in.png")
        notebook.save()
