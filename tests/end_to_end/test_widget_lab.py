"""The live widget in a real JupyterLab, used with a mouse, a keyboard and what a screen reader is told."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest
import zmq
from playwright.sync_api import Browser, Locator, Page, expect

from fruit_service.issuer.server import LocalIssuer
from tests.support.lab import Cell, JupyterLab, Notebook
from tests.support.machine import NO_BROWSER
from tests.support.ports import is_free, wait_until_free
from tests.support.scripted_browser import query_of
from tests.support.signing_in_lab import both_themes, token_of
from tests.support.site import Site
from tests.support.user_browser import Person

SAVE_STATE = {"saveState": True}
"""Lab's Settings > Save Widget State Automatically, which is off by default."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterLab]:
    """Run a JupyterLab that saves the state of widgets, on a machine without any browser."""
    lab = JupyterLab(tmp_path_factory.mktemp("lab"), environ=NO_BROWSER)
    settings = lab.folder / "settings" / "@jupyter-widgets" / "jupyterlab-manager" / "plugin.jupyterlab-settings"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps(SAVE_STATE))
    with lab:
        yield lab


@pytest.fixture
def brief_site(redirect_uri: str) -> Iterator[Site]:
    """A provider whose access tokens last for twelve seconds."""
    with LocalIssuer(0, [redirect_uri], 12, auto_approve="alice") as local:
        yield Site(f"domain={local.issuer.rstrip('/')}", local.issuer, redirect_uri, "")


class Widget:
    """The widget in the output of one cell."""

    def __init__(self, cell: Cell) -> None:
        """Wait until the widget of *cell* is there."""
        self.cell = cell
        self.page = cell.notebook.page
        self.root = cell.locator.locator(".ipyauth")
        expect(self.root).to_be_visible(timeout=30_000)
        self.note = self.root.locator(".ipyauth-note")

    def button(self, name: str) -> Locator:
        """Return the button of that name."""
        return self.root.get_by_role("button", name=name, exact=True)

    def press(self, name: str) -> None:
        """Click the button of that name."""
        self.button(name).click()

    def press_and_open(self, name: str, role: str = "button") -> Page:
        """Click the button, or the link, of that name, and return the tab that it opens."""
        with self.cell.notebook.context.expect_page() as opened:
            self.root.get_by_role(role, name=name, exact=True).click()
        opened.value.wait_for_url(re.compile("^http"))
        return opened.value

    def link(self, name: str) -> str:
        """Return where the link of that name leads."""
        href = self.root.get_by_role("link", name=name, exact=True).get_attribute("href")
        assert href is not None
        return href

    def says(self, text: str | re.Pattern[str]) -> None:
        """Wait until a status says *text*."""
        expect(self.root.get_by_role("status").filter(has_text=text)).to_have_count(1, timeout=20_000)

    def fact(self, label: str) -> str:
        """Return what stands beside *label*."""
        row = self.root.locator("dl > div").filter(has=self.page.locator("dt", has_text=re.compile(f"^{label}$")))
        return row.locator("dd").inner_text()

    def seconds_left(self) -> int:
        """Return the time left."""
        minutes, seconds = map(int, self.root.get_by_role("timer").inner_text().split(":"))
        return minutes * 60 + seconds

    def focused(self) -> str:
        """Return the name of the button that has the keyboard's focus, or nothing."""
        return str(self.page.evaluate("document.activeElement?.closest('.ipyauth button')?.textContent ?? ''"))

    def sign_in(self) -> Page:
        """Sign in as Alice by the button, and return the provider's tab."""
        tab = self.press_and_open("Sign in")
        assert Person(tab).sign_in() == "done"
        self.page.bring_to_front()
        self.says("Signed in as alice")
        return tab


def shown(
    notebook: Notebook,
    site: Site,
    flow: str = "code",
    more: str = "a",
    scope: str = "read:exotic-fruit write:usual-fruit",
) -> Cell:
    """Run a cell that makes `a`, an `Auth` for *site*, and then what *more* says."""
    values = dict(each.split("=", 1) for each in site.parameters(scope))
    source = (
        f"from ipyauth_magic import Auth, ParamsAuth0\n\na = Auth(ParamsAuth0(**{values!r}), flow={flow!r})\n{more}"
    )
    return notebook.run(source)


def widget(notebook: Notebook, site: Site, flow: str = "code") -> Widget:
    """Return the widget of a new `Auth` for *site*."""
    return Widget(shown(notebook, site, flow).wait())


def assert_not_saved(notebook: Notebook, *secrets: str) -> None:
    """Save the notebook with the state of its widgets, and search it for *secrets*."""
    notebook.save()
    written = notebook.path.read_text()
    assert "AuthWidget" in written, "the state of widgets is not saved at all"
    assert [secret for secret in (*secrets, "state=", "nonce=", "authorize?") if secret in written] == []


def test_a_user_signs_in_by_the_widget(notebook: Notebook, site: Site, artefacts: Path) -> None:
    """One click opens the provider, which has no way back to the notebook; all views of it say who it is."""
    first = widget(notebook, site)
    second = Widget(notebook.run("a").wait())
    assert is_free(site.port)
    both_themes(notebook, artefacts, signed_out=first.cell)
    tab = second.press_and_open("Sign in")
    assert tab.evaluate("window.opener") is None
    notebook.page.bring_to_front()
    for each in (first, second):
        each.says("Signing in…")
    both_themes(notebook, artefacts, waiting=second.cell)
    expect(second.button("Sign in")).to_be_hidden()
    expect(second.root.get_by_role("timer")).to_have_text(re.compile(r"Waiting for the sign-in: [45]:\d\d left\."))
    assert site.redirect_uri in second.root.inner_text()
    asked = query_of(second.link("Open it again"))
    assert len(notebook.context.pages) == 2
    assert Person(tab).sign_in() == "done"
    notebook.page.bring_to_front()
    for each in (first, second):
        each.says("Signed in as alice")
        expect(each.root.get_by_role("link")).to_have_count(0)
    assert first.fact("Provider") == site.issuer
    assert "read:exotic-fruit" in first.fact("Scopes")
    both_themes(notebook, artefacts, signed_in=first.cell)
    token = token_of(notebook, "a.access_token")
    assert_not_saved(notebook, token, token.split(".")[2], asked["state"], asked["nonce"])


def test_time_runs_and_the_focus_stays(notebook: Notebook, local_site: Site, artefacts: Path) -> None:
    """From second to second one text changes, which is announced to nobody, and nothing moves; keys do all of it."""
    live = widget(notebook, local_site)
    live.button("Sign in").focus()
    with notebook.context.expect_page() as opened:
        notebook.page.keyboard.press("Enter")
    assert Person(opened.value).sign_in() == "done"
    notebook.page.bring_to_front()
    live.says("Signed in as alice")
    assert live.focused() == "Copy token"
    notebook.page.keyboard.press("Tab")
    assert live.focused() == "Inspect"
    live.cell.screenshot(artefacts / "focus.png")
    cells = len(notebook)
    box = live.root.bounding_box()
    live.root.evaluate(
        "root => { window.changed = []; new MutationObserver(all => window.changed.push(...all.map(each =>"
        " each.type + ' in ' + each.target.parentNode.className)))"
        ".observe(root, {subtree: true, childList: true, characterData: true, attributes: true}); }"
    )
    first = live.seconds_left()
    live.cell.wait_until(lambda: live.seconds_left() <= first - 3, timeout=30)
    changed = notebook.page.evaluate("window.changed")
    assert len(changed) >= 3
    assert set(changed) == {"characterData in ipyauth-time"}
    assert live.focused() == "Inspect"
    assert live.root.bounding_box() == box
    notebook.page.keyboard.press("Space")
    expect(live.root.get_by_role("heading", name="ID token: claims, verified")).to_be_visible()
    assert live.button("Inspect").get_attribute("aria-expanded") == "true"
    assert live.focused() == "Inspect"
    assert len(notebook) == cells
    both_themes(notebook, artefacts, inspected=live.cell)
    live.press("Inspect")
    expect(live.root.get_by_role("heading")).to_have_count(0)


def test_copy_renew_and_clear(notebook: Notebook, local_site: Site, lab: JupyterLab, artefacts: Path) -> None:
    """The token is on the clipboard and nowhere in the page; renewing opens no tab; clearing forgets."""
    notebook.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=lab.url)
    live = widget(notebook, local_site)
    live.sign_in()
    token = token_of(notebook, "a.access_token")
    live.press("Copy token")
    live.says("The token is on the clipboard.")
    assert notebook.page.evaluate("navigator.clipboard.readText()") == token
    assert token.split(".")[2] not in notebook.page.content()
    live.cell.screenshot(artefacts / "copied.png")

    tabs = len(notebook.context.pages)
    live.cell.wait_until(lambda: live.seconds_left() < 898)
    live.press("Renew")
    live.says("Renewed.")
    renewed = token_of(notebook, "a.access_token")
    assert renewed != token
    assert live.seconds_left() >= 895
    assert len(notebook.context.pages) == tabs
    assert_not_saved(notebook, token, token.split(".")[2], renewed, renewed.split(".")[2])

    live.button("Forget").focus()
    notebook.page.keyboard.press("Enter")
    live.says("Not signed in")
    assert live.focused() == "Sign in"
    assert notebook.run("a").wait().text().startswith("Not signed in")
    assert "NotSignedIn" in notebook.run("a.access_token").wait().text()
    live.cell.screenshot(artefacts / "cleared.png")


@contextmanager
def overheard(lab: JupyterLab, notebook: Notebook) -> Iterator[list[bytes]]:
    """Read what the kernels say to their front ends, as any account of the machine can; the end has all of it."""
    heard: list[bytes] = []
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        for file in (lab.folder / "runtime").glob("kernel-*.json"):
            socket.connect(f"tcp://127.0.0.1:{json.loads(file.read_text())['iopub_port']}")
        socket.subscribe(b"")
        while not socket.poll(200):  # the subscription takes a moment
            notebook.run("0").wait()
        yield heard
        while socket.poll(1000):
            heard += socket.recv_multipart()


def test_a_copied_token_is_sealed(notebook: Notebook, local_site: Site, lab: JupyterLab) -> None:
    """Whoever reads along gets nothing of it; the page of the button opens it."""
    notebook.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=lab.url)
    live = widget(notebook, local_site)
    live.sign_in()
    token = token_of(notebook, "a.access_token")
    with overheard(lab, notebook) as heard:
        live.press("Copy token")
        live.says("The token is on the clipboard.")
    assert notebook.page.evaluate("navigator.clipboard.readText()") == token
    everything = b"\n".join(heard)
    assert b'"sealed"' in everything
    assert [segment for segment in (token, *token.split(".")) if segment.encode() in everything] == []


def test_without_encryption_there_is_no_copy(notebook: Notebook, local_site: Site) -> None:
    """A browser has it on https and on this machine only; all other buttons are there."""
    notebook.page.evaluate(
        "() => { window.subtle = Object.getOwnPropertyDescriptor(Crypto.prototype, 'subtle');"
        " Object.defineProperty(Crypto.prototype, 'subtle', {get: () => undefined, configurable: true}); }"
    )
    try:
        live = widget(notebook, local_site)
        live.sign_in()
        for name in ("Renew", "Inspect", "Sign out", "Forget"):
            expect(live.button(name)).to_be_visible()
        expect(live.button("Copy token")).to_be_hidden()
    finally:
        notebook.page.evaluate("() => Object.defineProperty(Crypto.prototype, 'subtle', window.subtle)")


def test_it_tells_the_account(notebook: Notebook, local_site: Site, artefacts: Path) -> None:
    """Beside the name, which users choose; and that another one signed in last time."""
    live = widget(notebook, local_site)
    live.sign_in()
    assert live.fact("Account") == "Alice (auth0|alice)"
    expect(live.root.get_by_text("Last time", exact=True)).to_be_hidden()
    notebook.context.clear_cookies(domain="localhost")
    other = Widget(shown(notebook, local_site, more="a.clear(); a").wait())
    tab = other.press_and_open("Sign in")
    assert Person(tab, "Bob").sign_in() == "done"
    notebook.page.bring_to_front()
    other.says("Signed in as bob")
    assert other.fact("Account") == "Bob (auth0|bob)"
    assert other.fact("Last time") == "another account: alice, auth0|alice"
    both_themes(notebook, artefacts, another_account=other.cell)


def test_a_sign_in_without_any_of_its_scopes_is_a_warning(
    notebook: Notebook, local_site: Site, artefacts: Path
) -> None:
    """The widget and the card have one heading, one mark and one colour for it, and whom to ask below."""
    live = Widget(shown(notebook, local_site, scope="read:usual-fruits").wait())
    tab = live.press_and_open("Sign in")
    assert Person(tab).sign_in() == "done"
    notebook.page.bring_to_front()
    live.says("Signed in as alice, but with none of the scopes that you asked for")
    live.says("Check the names of these scopes, and ask the API's owner for them. Or sign out, and sign in")
    assert live.root.get_attribute("data-mood") == "warning"
    card = notebook.run(
        "from IPython.display import display\nfrom ipyauth_magic.auth import authenticator_of\n"
        "from ipyauth_magic.display.view import card_of\n"
        "display(card_of(authenticator_of(a)).bundle(), raw=True)"
    ).wait()
    card.wait_for_text("but with none of the scopes that you asked for")
    edges = [
        each.evaluate("e => getComputedStyle(e).borderLeftColor")
        for each in (live.root, card.locator.locator("[role=status]").first)
    ]
    assert edges[0] == edges[1] == "rgb(178, 106, 0)"
    claims = notebook.run("%load_ext ipyauth_magic\n%token a").wait()
    claims.wait_for_text("Lifetime: 00:")
    both_themes(notebook, artefacts, in_vain_widget=live.cell, in_vain_card=card, in_vain_token=claims)


def test_the_clipboard_may_be_refused(notebook: Notebook, local_site: Site, artefacts: Path) -> None:
    """It says so in words, and shows no token in their place."""
    live = widget(notebook, local_site)
    live.sign_in()
    notebook.page.evaluate(
        "() => { navigator.clipboard.writeText = async () => { throw new DOMException('', 'NotAllowedError'); }; }"
    )
    live.press("Copy token")
    live.says("does not let the clipboard be written to")
    live.cell.screenshot(artefacts / "refused.png")
    assert token_of(notebook, "a.access_token").split(".")[2] not in notebook.page.content()


def test_a_busy_kernel_and_a_popup_blocker(
    notebook: Notebook, local_site: Site, tmp_path: Path, artefacts: Path
) -> None:
    """It says that the kernel is busy; what comes too late for the click is a link, in the page and not in the file."""
    until = f"import os, time\ndisplay(a)\nwhile not os.path.exists({str(tmp_path / 'go')!r}):\n    time.sleep(0.05)"
    cell = shown(notebook, local_site, more=until)
    live = Widget(cell)
    live.press("Sign in")
    live.says("The kernel is busy; this happens when the cell has ended.")
    live.cell.screenshot(artefacts / "busy.png")
    assert is_free(local_site.port)
    notebook.replies.clear()
    notebook.page.wait_for_timeout(6000)  # the click counts for five seconds, and each look at the page as another one
    (tmp_path / "go").touch()
    while not notebook.replies:
        notebook.page.wait_for_timeout(100)
    notebook.page.wait_for_timeout(2000)
    assert len(notebook.context.pages) == 1
    live.says("The browser kept the sign-in page from opening")
    both_themes(notebook, artefacts, blocked=cell)
    asked = query_of(live.link("Open the sign-in page"))
    assert_not_saved(notebook, asked["state"], asked["nonce"])
    tab = live.press_and_open("Open the sign-in page", role="link")
    assert Person(tab).sign_in() == "done"
    notebook.page.bring_to_front()
    live.says("Signed in as alice")


def test_its_end_is_told(notebook: Notebook, brief_site: Site, artefacts: Path) -> None:
    """By itself, to a screen reader too; the focus stays where it was, on what is now `Sign in`."""
    live = widget(notebook, brief_site, flow="implicit")
    live.press_and_open("Sign in")
    live.says("Signed in as alice")
    live.button("Sign in again").focus()
    live.says("The sign-in of alice has ended")
    assert re.fullmatch(r"\d\d:\d\d", live.fact("Expired"))
    assert live.focused() == "Sign in"
    expect(live.button("Copy token")).to_be_hidden()
    both_themes(notebook, artefacts, ended=live.cell)
    live.press_and_open("Sign in")
    notebook.page.bring_to_front()
    live.says("Signed in as alice")


def test_a_sign_in_survives_a_reload_and_can_be_stopped(notebook: Notebook, local_site: Site) -> None:
    """The page that comes back has the link, and opens nothing; `Stop` gives the port back, and the focus on."""
    live, index = widget(notebook, local_site), len(notebook) - 2
    live.press_and_open("Sign in")
    notebook.page.bring_to_front()
    notebook.save()
    notebook.page.reload()
    notebook.wait_until_ready()
    again = Widget(notebook.cell(index))
    again.says("Signing in…")
    expect(again.root.get_by_role("link", name="Open it again")).to_be_visible()
    assert len(notebook.context.pages) == 2
    again.button("Stop").focus()
    notebook.page.keyboard.press("Enter")
    again.says("Not signed in")
    assert again.focused() == "Sign in"
    assert wait_until_free(local_site.port)


def test_a_device_signs_in(
    notebook: Notebook, local_site: Site, lab: JupyterLab, browser: Browser, artefacts: Path
) -> None:
    """The widget shows code, link and QR code, opens nothing by itself, and keeps none of them."""
    live = widget(notebook, local_site, flow="device")
    live.press("Sign in")
    code = live.root.locator(".ipyauth-code")
    expect(code).to_have_text(re.compile(r"^[A-Z]{4}-[A-Z]{4}$"), timeout=20_000)
    user_code = code.inner_text()
    image = live.root.get_by_alt_text("QR code of the link")
    assert image.evaluate("image => image.complete && image.naturalWidth > 100")
    both_themes(notebook, artefacts, device=live.cell)
    notebook.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=lab.url)
    live.press("Copy code")
    live.says("The code is on the clipboard.")
    assert notebook.page.evaluate("navigator.clipboard.readText()") == user_code
    assert len(notebook.context.pages) == 1
    assert_not_saved(notebook, user_code, "iVBORw0KGgo")
    phone = browser.new_context(viewport={"width": 420, "height": 720})
    try:
        assert Person(phone.new_page()).sign_in(live.link("Open with the code filled in")) == "done"
    finally:
        phone.close()
    live.says("Signed in as alice")
    expect(code).to_be_hidden()
    assert user_code not in notebook.page.content()
    assert_not_saved(notebook, user_code)


def test_a_user_signs_out(notebook: Notebook, local_site: Site, artefacts: Path) -> None:
    """The tokens are gone, and a link leads to where the provider's session ends, as the kernel has no browser."""
    live = widget(notebook, local_site)
    live.sign_in()
    live.button("Sign out").focus()
    notebook.page.keyboard.press("Enter")
    live.says("To sign out of")
    live.says("Not signed in")
    assert live.focused() == "Sign in"
    both_themes(notebook, artefacts, signed_out_here=live.cell)
    tab = live.press_and_open("End the session at the provider", role="link")
    assert "/v2/logout" in tab.url
    assert "NotSignedIn" in notebook.run("a.access_token").wait().text()


MEASURES = """root => {
  const box = root.getBoundingClientRect();
  const seen = (element) => {
    const range = document.createRange();
    range.selectNodeContents(element);
    const { left, top, height } = range.getClientRects()[0];
    const style = getComputedStyle(element);
    const looks = [style.fontSize, style.fontFamily, style.fontWeight, style.opacity, style.color];
    return [element.textContent, left - box.left, top - box.top, height, ...looks];
  };
  const all = (names) => [...root.querySelectorAll(names)].filter((each) => each.getClientRects().length);
  const style = getComputedStyle(root);
  const frame = [style.border, style.borderInlineStart, style.borderRadius, style.padding, style.margin];
  return {
    box: [box.left, box.width],
    frame: [...frame, style.lineHeight, style.backgroundColor],
    title: seen(all(".ipyauth-title, [role=heading]")[0]).slice(2),
    labels: all("dt, th").map(seen),
    values: all("dd, td").map(seen).map((each) => each.slice(1)),
    mark: getComputedStyle(all("[aria-hidden=true]")[0]).backgroundColor,
  };
}"""


@pytest.mark.parametrize("width", [1280, 420, 360])
def test_card_and_widget_are_one_design(notebook: Notebook, local_site: Site, width: int) -> None:
    """To the pixel: edges, the place, size and colour of each label and value."""
    live = widget(notebook, local_site)
    live.sign_in()
    show = "from ipyauth_magic.display import panel, view\nfrom ipyauth_magic.auth import authenticator_of\n"
    cell = notebook.run(show + "panel.show(view.card_of(authenticator_of(a)).bundle())").wait()
    before = notebook.page.viewport_size
    assert before is not None
    notebook.page.keyboard.press("Control+b")  # the side bar leaves no room
    notebook.page.set_viewport_size({"width": width, "height": 900})
    try:
        card = cell.locator.locator("div[role=status]").evaluate(MEASURES)
        assert live.root.evaluate(MEASURES) == card
        assert live.root.evaluate("root => root.scrollWidth <= root.clientWidth")
    finally:
        notebook.page.set_viewport_size(before)
        notebook.page.keyboard.press("Control+b")


def test_a_restarted_kernel_is_told(notebook: Notebook, local_site: Site, artefacts: Path) -> None:
    """A button of a kernel that is gone says what to do."""
    live = widget(notebook, local_site)
    notebook.restart_kernel()
    live.press("Sign in")
    live.says("run this cell again")
    live.cell.screenshot(artefacts / "restarted.png")


def test_a_notebook_opened_again(
    notebook: Notebook, local_site: Site, lab: JupyterLab, browser: Browser, artefacts: Path
) -> None:
    """Its saved state says who it was and until when, and a button what to do; who trusts it not sees the card."""
    live = widget(notebook, local_site)
    live.sign_in()
    facts = [live.fact(label) for label in ("Provider", "API", "Scopes")]
    until = live.root.locator("time").inner_text()
    Widget(notebook.run("a").wait())
    book = notebook.save()
    index = len(book.cells) - 2
    nbformat.write(book, lab.root / "trusted.ipynb")
    with lab.notebook(browser, "trusted.ipynb") as trusted:
        again = Widget(trusted.cell(index))
        assert [again.fact(label) for label in ("Provider", "API", "Scopes")] == facts
        assert again.root.locator("time").inner_text() == until
        again.press("Renew")
        again.says("If no cell is running, run this one again.")
        again.cell.screenshot(artefacts / "trusted.png")
    book.metadata["changed"] = "by somebody"  # the signature was for what it held before
    nbformat.write(book, lab.root / "untrusted.ipynb")
    with lab.notebook(browser, "untrusted.ipynb") as untrusted:
        cell = untrusted.cell(index)
        cell.wait_for_text("Signed in as alice")
        assert cell.locator.locator(".ipyauth").count() == 0
        assert "Expires" in cell.text()
        cell.screenshot(artefacts / "untrusted.png")
