"""Cards and tables: escaped, plain, made only of what an untrusted notebook keeps."""

from __future__ import annotations

import base64
import math
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import escape, unescape

import pytest
import segno

from ipyauth_magic.callback.routes import Environment, routes_to
from ipyauth_magic.cli.look import Look
from ipyauth_magic.cli.output import card_text
from ipyauth_magic.display import cards
from ipyauth_magic.display.card import ACCENTS, MARKS, Address, Card, Code, Folded, Link, bar, table
from ipyauth_magic.display.cards import (
    HINT,
    about,
    countdown_html,
    countdown_text,
    device_card,
    duration,
    end_row,
    is_in_vain,
    not_granted,
    ready,
    route_of_response,
    signed_in_card,
    waiting_card,
)
from ipyauth_magic.display.claims import claim_rows, decode_unverified, token_view
from ipyauth_magic.display.qr import qr_image, qr_text
from ipyauth_magic.display.view import View
from ipyauth_magic.flows import clock
from ipyauth_magic.markup import Sentence, Table
from ipyauth_magic.protocol.flow import FLOWS
from ipyauth_magic.text import plain

HOSTILE = "<img src=x onerror=alert(1)>\"'&\u202e\x1b[31m\x07"
[HERE] = routes_to(["http://127.0.0.1:1/cb"], Environment())
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def test_nothing_from_outside_reaches_html_unescaped() -> None:
    """Title, rows, link, note, and the tables of claims."""
    code = Code(HOSTILE, 'https://x.test/?a="<img')
    link, more = Link(HOSTILE, 'https://x.test/?a="<img'), Folded(HOSTILE, (HOSTILE,))
    card = Card(
        "good",
        HOSTILE,
        [(HOSTILE, HOSTILE)],
        link,
        HOSTILE,
        ready=f"`{HOSTILE}`",
        hint=Address(HOSTILE, HOSTILE),
        folded=more,
        warned=[HOSTILE],
    )
    view = token_view(card, [(HOSTILE, claim_rows({HOSTILE: HOSTILE, "list": [HOSTILE]}))], 30, 60)
    device = replace(card, code=code).html().replace('<img src="data:', "")
    for html in (card.html(), view["text/html"], device):
        assert "<img" not in html
        assert "&lt;img" in html
        assert "\u202e" not in html


TEX = r"$\color{red}x$ $$y$$ \(z\) \[w\] \begin{align}v\end{align}"


def test_no_front_end_finds_tex_in_it() -> None:
    """By its class for MathJax, of each version; and for KaTeX, which has no such class, by its elements."""
    code = Code(TEX, "https://x.test/")
    hint, more = Address(TEX, TEX), Folded(TEX, (TEX,))
    link = Link(TEX, "https://x.test/")
    card = Card("good", TEX, [(TEX, TEX)], link, TEX, code, f"`{TEX}`", hint, more, warned=[TEX])
    for html in (
        card.html(),
        token_view(card, [(TEX, claim_rows({TEX: TEX}))], 30, 60)["text/html"],
        Table((TEX, TEX), [(TEX, TEX)]).html(),
        table([("a", TEX)]),
    ):
        depth = 0
        for slash, _, attributes in re.findall(r"<(/?)(div|table|details)\b([^>]*)>", html):
            assert slash or depth or 'class="mathjax_ignore tex2jax_ignore"' in attributes
            depth += -1 if slash else 1
        texts = re.split(r"<[^>]*>", html)
        assert {text for text in texts if set(text) & set("$\\")} == {"$", "\\"}
        assert unescape("".join(texts)).count(TEX) >= 1


def test_text_for_a_terminal_has_no_control_characters() -> None:
    """An escape sequence of a claim moves no cursor and changes no colour."""
    card = Card("good", HOSTILE, [("name", HOSTILE)], None, HOSTILE)
    view = token_view(card, [("claims", claim_rows({"name": HOSTILE}))], 30, 60)
    for text in (card.text(), view["text/plain"]):
        assert "\x1b" not in text
        assert "\x07" not in text
        assert "\u202e" not in text


def test_only_what_an_untrusted_notebook_keeps() -> None:
    """No script, style element, id, or event; the link opens in a tab of its own."""
    html = waiting_card("https://x.test/authorize?a=1&b=2", "http://127.0.0.1:1/", "openid", None, True, HERE).html()
    assert not any(word in html for word in ("<script", "<style", " id=", "onclick", "<svg", "<iframe"))
    assert 'href="https://x.test/authorize?a=1&amp;b=2" target="_blank" rel="noopener"' in html


def test_a_waiting_card_tells_what_happens() -> None:
    """Where, for what, why no browser opened, and where the provider sends the user back to."""
    what = ("https://x.test/a", "http://127.0.0.1:1/cb", "openid read:x", "none was found", True)
    text = waiting_card(*what, HERE).text()
    for part in ("x.test", "https://x.test/a", "openid read:x", "none was found", "http://127.0.0.1:1/cb"):
        assert part in text
    assert "API     api/fruit\n" in waiting_card(*what, HERE, "api/fruit").text()
    assert HERE.reason not in text, "it is the rule"
    assert "https" not in waiting_card(None, "http://127.0.0.1:1/cb", "openid", None, True, None).text()
    [by_hand] = routes_to(["https://x.test/cb"], Environment())
    text = " ".join(waiting_card(*what, by_hand).text().split())
    for part in (by_hand.reason, "copy the address", "--flow device"):
        assert part in text


def test_a_waiting_card_says_what_to_register() -> None:
    """In a card and in a terminal, with an address that one click selects; it is what an interrupt says too."""
    card = waiting_card("https://x.test/a", "http://127.0.0.1:1/cb", "openid", None, True, HERE)
    assert re.search(r"user-select:all[^>]*>http://127\.0\.0\.1:1/cb</div>", card.html())
    assert " ".join(card.text().split()).count(f"{HINT} http://127.0.0.1:1/cb") == 1
    assert device_card(*DEVICE).hint is None


def test_a_terminal_has_no_button() -> None:
    """It has the address, above the sentence."""
    card = waiting_card("https://x.test/a", "http://127.0.0.1:1/cb", "openid", None, True, HERE)
    for text in (card.text(), Look().card(card)):
        assert "If no browser tab opens by itself, use the address above." in " ".join(text.split())
        assert text.count("Open the sign-in page") == 1, "the label of the address"


@pytest.mark.parametrize(
    ("why_no_browser", "wants_browser", "said"),
    [
        (None, True, 'If no browser tab opens by itself, use "Open the sign-in page".'),
        ("none was found", True, 'No browser tab opens: none was found. Use "Open the sign-in page".'),
        (None, False, ""),
    ],
)
def test_the_tab_and_the_button(why_no_browser: str | None, wants_browser: bool, said: str) -> None:
    """It promises no tab that may not come, and names the button by its label."""
    card = waiting_card("https://x.test/a", "http://127.0.0.1:1/cb", "openid", why_no_browser, wants_browser, HERE)
    assert card.note == said
    assert card.link is not None
    assert card.link.label == "Open the sign-in page"


def test_the_route_is_folded_away() -> None:
    """A notebook shows it at a click; a terminal, which folds nothing, only where it is not the rule."""
    what = ("https://x.test/a", "http://127.0.0.1:1/cb", "openid", None, True)
    html = waiting_card(*what, HERE).html()
    assert html.index("<a ") < html.index("register this exact") < html.index("<details") < html.index(HERE.reason)
    assert "<details open" not in html
    [container] = routes_to(["http://127.0.0.1:1/cb"], Environment(is_container=True))
    card = waiting_card(*what, container)
    assert container.advice in card.html().partition("<details")[2]
    assert container.advice in " ".join(card.text().split())


def test_a_line_for_ssh_is_not_folded_away() -> None:
    """Without it no response comes, so it stands above."""
    [far] = routes_to(["http://127.0.0.1:1/cb"], Environment(ssh="ada@192.0.2.7"))
    html = waiting_card("https://x.test/a", "http://127.0.0.1:1/cb", "openid", None, True, far).html()
    line = "<code>ssh -N -L 1:127.0.0.1:1 ada@192.0.2.7</code>"
    assert line in html.partition("<details")[0]
    assert html.count(line) == 1


def test_lines_of_a_terminal_are_short() -> None:
    """88 characters, but for an address, which must stay whole to be followed."""
    address = "https://x.test/" + "a" * 200
    what = (address, "http://127.0.0.1:1/cb", "openid", "no graphical browser was found on this machine", True)
    [container] = routes_to(["http://127.0.0.1:1/cb"], Environment(is_container=True))
    for card in (waiting_card(*what, container), device_card(*DEVICE)):
        assert [line for line in card.text().splitlines() if len(line) > 88 and address not in line] == []


@pytest.mark.parametrize("mood", ACCENTS)
def test_a_mood_is_a_mark_beside_a_colour(mood: str) -> None:
    """For eyes that tell no green from red; a screen reader reads the title alone, as a heading."""
    html = Card(mood, "A title").html()
    assert ACCENTS[mood] in html
    assert 'role="status"' in html
    assert re.search(r'role="heading" aria-level="3"[^>]*>(<span aria-hidden="true"[^>]*>.</span> )?A title<', html)
    assert (MARKS.get(mood, "</span>") in html) == (mood in MARKS)


def test_it_is_read_from_either_side() -> None:
    """The edge is at the side where reading begins, and a name in Hebrew turns nothing but itself."""
    html = Card("good", "Signed in as דנה", [("Account", "דנה")]).html()
    assert re.search(r"border-left:4px solid #2e7d32;.*border-inline-start:4px solid #2e7d32", html)
    assert "<bdi>דנה</bdi>" in html
    assert 'dir="auto"' in html


def test_a_bar_shows_its_share() -> None:
    """In divs, which an untrusted notebook keeps; the words beside it say the same."""
    assert "width:25.0%" in bar(0.25, "waiting")
    html = countdown_html(75, 0.25)
    assert "width:25.0%" in html
    assert "1:15 left" in html


DEVICE = ("BCDF-GHJK", "https://x.test/activate", "https://x.test/activate?user_code=BCDF-GHJK&a=1", "openid read:x")


def test_a_device_card_shows_the_code_and_where_to_enter_it() -> None:
    """As text, as two links, and as a QR code of the link that holds it; a click takes the code as it is."""
    card = device_card(*DEVICE)
    html = card.html()
    for href in DEVICE[1:3]:
        assert f'<a href="{escape(href)}" target="_blank" rel="noopener"' in html
    assert re.search(r'user-select:all[^>]*">BCDF-GHJK</div><div[^>]*>Click to select\.</div>', html)
    assert f'<img src="{qr_image(DEVICE[2])[0]}" alt="QR code of the link"' in html
    for part in ("x.test", *DEVICE):
        assert part in card.text()
    assert "sends you back" not in html + card.text()


def test_a_device_card_without_a_complete_link() -> None:
    """RFC 8628, 3.2: it is optional; the QR code leads to the page, and the code is to be typed."""
    html = device_card("1 2", "https://x.test/a", None, "openid").html()
    assert html.count('href="https://x.test/a"') == 2
    assert qr_image("https://x.test/a")[0] in html


def test_a_qr_code_is_a_png_with_its_quiet_zone() -> None:
    """Four white modules on each side (ISO/IEC 18004): else a camera does not find it in a dark theme."""
    source, width = qr_image(DEVICE[2])
    assert source.startswith("data:image/png;base64,")
    png = base64.b64decode(source.partition(",")[2])
    assert int.from_bytes(png[16:20]) == 2 * width == 8 * segno.make_qr(DEVICE[2]).symbol_size(border=4)[0]
    assert qr_image("https://x.test/" + "a" * 300) == ("", 0)


def test_a_qr_code_in_a_terminal() -> None:
    """White on black whatever the terminal's colours; in a terminal without colours or blocks, without them."""
    drawn = qr_text(DEVICE[2])
    assert all(re.fullmatch("\x1b\\[97;40m[ ▀▄█]+\x1b\\[0m", line) for line in drawn.splitlines())
    assert re.fullmatch("[ ▀▄█\n]+", qr_text(DEVICE[2], has_colours=False))
    assert qr_text(DEVICE[2], "ascii") == qr_text(DEVICE[2], "none such") == ""


def test_without_segno_there_is_no_qr_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """And all else is there."""
    monkeypatch.setitem(sys.modules, "segno", None)
    html = device_card(*DEVICE).html()
    assert "<img" not in html
    assert "BCDF-GHJK" in html
    assert "<code>pip install &#x27;ipyauth-magic[qr]&#x27;</code>" in html
    assert "pip install 'ipyauth-magic[qr]'" in device_card(*DEVICE).text()
    assert qr_text(DEVICE[2]) == ""


def test_a_link_too_long_for_a_camera_asks_for_no_package() -> None:
    """Segno is there, so installing it helps nothing."""
    assert "pip install" not in device_card("A", "https://x.test/a", "https://x.test/" + "a" * 300, "openid").html()


def test_a_renewable_sign_in_says_so() -> None:
    """In place of the time left, which would frighten, and which says nothing once it is renewed."""
    now = signed_in_card("alice", "https://x.test/", None, "openid", MOMENT, 61.5, renewable=True).text()
    assert now.endswith(", then renewed automatically")
    ended = signed_in_card("alice", "https://x.test/", None, "openid", MOMENT, -1, renewable=True).text()
    assert re.search("Expired +1 Jan.*, renewed when it is next used$", ended)


@pytest.mark.parametrize(
    ("flow", "response_mode", "said"),
    [
        ("implicit", "fragment", "the tokens, comes in the fragment"),
        ("code", "query", "a code, comes in the query"),
        ("code", "form_post", "a code, comes by form_post"),
        ("device", "query", "The kernel asks the provider"),
    ],
)
def test_the_route_of_the_response(flow: str, response_mode: str, said: str) -> None:
    """As `%token --config` shows it. The device flow has none."""
    told = route_of_response(FLOWS[flow], response_mode, [HERE] if FLOWS[flow].needs_redirect else [])
    assert said in told
    assert ("where this kernel listens" in told) == (flow != "device")


def test_a_signed_in_card_tells_who_what_and_until_when() -> None:
    """The scopes and the end among them."""
    text = signed_in_card("alice", "https://x.test/", None, "openid read:x", MOMENT, 61.5).text()
    for part in ("alice", "https://x.test/", "opaque", "openid read:x", "1 Jan", "(in 1 minute)"):
        assert part in text


@pytest.mark.parametrize(
    ("audience", "is_opaque", "said"),
    [
        ("api/fruit", True, "api/fruit"),
        (None, True, "none: the access token is opaque"),
        (None, False, "none was asked for"),
    ],
)
def test_only_an_opaque_token_is_called_opaque(audience: str | None, is_opaque: bool, said: str) -> None:
    """A JWT stands on the card as it is: many providers send one without an audience that was asked for."""
    card = signed_in_card("alice", "https://x.test/", audience, "openid", MOMENT, 61.5, is_opaque=is_opaque)
    assert ("API", said) in card.rows


@pytest.mark.parametrize(
    ("granted", "requested", "missing"),
    [
        ("openid a", "openid a", ""),
        ("openid", "openid a b", "a b"),
        ("user.read openid", "openid User.Read", ""),
        ("User.Read", "https://api.example.com/User.Read", ""),
        ("api://x/fruit.read", "api://x/.default", ""),
        ("", "api://x/.default", "api://x/.default"),
        ("read:a", "read:b", "read:b"),
        ("a", "openid profile email offline_access a", ""),
    ],
)
def test_scopes_under_other_names(granted: str, requested: str, missing: str) -> None:
    """Some providers grant them under other names: in other letters, without the API's address, one for all."""
    assert not_granted(granted, requested) == missing


@pytest.mark.parametrize(
    ("seconds", "text"), [(-5, "00:00:00"), (59.9, "00:00:59"), (3661, "01:01:01"), (360000, "100:00:00")]
)
def test_durations(seconds: float, text: str) -> None:
    """HH:MM:SS, never below none."""
    assert duration(seconds) == text


def test_the_countdown_is_in_minutes() -> None:
    """And says how to stop."""
    assert "4:59 left" in countdown_text(299)
    assert "Interrupt" in countdown_text(299)


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c", "e30.W10.x", "e30.e30", "x" * 70_000, "..", "e30.4pyT.x"])
def test_what_is_no_jwt_is_opaque(token: str) -> None:
    """And raises nothing."""
    assert decode_unverified(token) is None


def test_times_are_told_in_words() -> None:
    """Beside the number; odd values stay as they are, one-time claims are left out."""
    rows = dict(
        claim_rows({"exp": 1767225600, "iat": "soon", "nbf": 1e300, "nonce": "n", "at_hash": "h", "aud": ["a"]})
    )
    assert "2026-01-01" in rows["exp"] or "2025-12-31" in rows["exp"]
    assert rows["iat"] == "soon"
    assert rows["aud"] == '["a"]'
    assert not {"nonce", "at_hash"} & set(rows)


def test_plain_text_has_a_limit() -> None:
    """And one line."""
    assert plain("a\nb\tc") == "a b c"
    assert len(plain("x" * 1000, 300)) == 300


@pytest.mark.parametrize(
    ("granted", "requested", "missing"),
    [
        ("openid a b", "openid a b", ""),
        ("b a openid c", "openid a b", ""),
        ("openid a", "openid profile email a b c", "b c"),
        ("", "openid", ""),
    ],
)
def test_scopes_that_were_not_granted(granted: str, requested: str, missing: str) -> None:
    """OpenID's own may come under other names; they stand in a row of their own, with a mark."""
    assert not_granted(granted, requested) == missing
    card = signed_in_card("alice", "https://x.test/", None, granted, MOMENT, 60, not_granted=missing)
    assert dict(card.rows).get("Not granted", "") == missing
    assert (f"background:{ACCENTS['warning']}" in card.html()) == bool(missing)


@pytest.mark.parametrize(
    ("granted", "requested", "in_vain"),
    [
        ("openid profile", "openid profile read:a write:a", True),
        ("", "read:a", True),
        ("read:a", "read:b", True),
        ("openid read:a", "openid read:a write:a", False),
        ("openid", "openid profile email offline_access", False),
        ("", "", False),
    ],
)
def test_a_sign_in_without_any_scope_that_was_asked_for(granted: str, requested: str, in_vain: bool) -> None:
    """Scopes of OpenID Connect are no use to an API, so they make no sign-in a good one, and none a bad one."""
    assert is_in_vain(granted, requested) == in_vain


def test_a_card_of_such_a_sign_in_is_a_warning() -> None:
    """Heading, mark and edge say so, and the next step is told; one scope that was granted leaves the card green."""
    good = View("https://x.test/", "api/fruit", "openid a", "b", logged_as="bob", is_good=True)
    card = replace(good, not_granted="a b", is_in_vain=True).card()
    assert good.card().mood == "good"
    assert card.mood == "warning"
    assert card.title == "Signed in as bob, but with none of the scopes that you asked for"
    assert card.note.startswith("Check the names of these scopes, and ask the API's owner for them.")
    assert f"border-left:4px solid {ACCENTS['warning']}" in card.html()
    assert "! Signed in as bob, but" in Look(has_marks=True).card(card)
    assert "<code>%logout</code>" in card.html()
    assert re.search(r"sign out \(`[^%`]+ logout`\)", " ".join(card_text(card).split()))


def test_commas_among_the_scopes_are_told_alone() -> None:
    """The API's owner could not help."""
    view = View("https://x.test/", None, "openid", "a,b", is_in_vain=True, logged_as="bob", is_good=True)
    assert view.card().note == ""
    assert "Spaces separate scopes: scope=a b" in view.card().text()


def test_only_words_of_ours_have_code_in_a_row() -> None:
    """A claim or a name from outside stays as it is, backticks among it."""
    html = Card("still", "T", [("A", Sentence("Run `x`.")), ("B", "Run `y`.")]).html()
    assert "Run <code>x</code>." in html
    assert "Run `y`." in html
    cells = Table(("A", "B"), [("a", Sentence("Run `<x>`.")), ("b", "Run `y`.")]).html()
    assert "Run <code>&lt;x&gt;</code>." in cells
    assert "Run `y`." in cells


def test_the_lifetime_stands_within_the_card() -> None:
    """A bar of the card's own colour, and words that say the same; an endless one has none."""
    card = Card("good", "T", [("Expires", "soon")])
    shown = token_view(card, [("Claims", [("sub", "a")])], 450, 900)
    within, _, below = shown["text/html"].partition("<details")
    assert "00:07:30 of 00:15:00 left" in within
    assert f"width:50.0%;height:3px;border-radius:2px;background:{ACCENTS['good']}" in within
    assert "<progress" not in within + below
    assert within.count("<div") == within.count("</div")
    assert "Lifetime: [##########----------] 00:07:30" in shown["text/plain"]
    assert "Lifetime" not in token_view(card, [], math.inf, math.inf)["text/html"]


NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def noon(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Make it noon UTC on 1 July 2026; what it yields sets the kernel's time zone."""
    monkeypatch.setattr(cards.clock, "utc_now", lambda: NOON)

    def zone(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield zone
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("zone", "minutes", "said"),
    [
        ("Europe/Berlin", 15, "14:15"),
        ("Europe/Berlin", 15 * 60, "2 Jul, 05:00"),
        ("Europe/Berlin", 365 * 24 * 60, "1 Jul 2027, 14:00"),
        ("UTC", 15, "12:15 UTC"),
        ("America/Sao_Paulo", 15, "09:15 UTC-03:00"),
    ],
)
def test_a_time_as_people_write_it(noon: Callable[[str], None], zone: str, minutes: int, said: str) -> None:
    """With the date unless it is today, and with a zone that is probably not the user's, or that has no name."""
    noon(zone)
    assert clock.time_of_day(NOON + timedelta(minutes=minutes)) == said


@pytest.mark.parametrize(
    ("left", "is_renewable", "row"),
    [
        (900, False, ("Expires", "14:15 (in 15 minutes)")),
        (900, True, ("Expires", "14:15 (in 15 minutes), then renewed automatically")),
        (-60, False, ("Expired", "13:59")),
        (-60, True, ("Expired", "13:59, renewed when it is next used")),
    ],
)
def test_the_end_of_a_token(noon: Callable[[str], None], left: int, is_renewable: bool, row: tuple[str, str]) -> None:
    """In local time, and what happens then; what is over is called so."""
    noon("Europe/Berlin")
    assert end_row(NOON + timedelta(seconds=left), left, is_renewable) == row


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "in 1 second"),
        (59.4, "in 59 seconds"),
        (59.6, "in 1 minute"),
        (899.2, "in 15 minutes"),
        (3599, "in 1 hour"),
        (86_400, "in 24 hours"),
        (30 * 86_400, "in 30 days"),
    ],
)
def test_a_length_of_time_in_one_unit(seconds: float, said: str) -> None:
    """The nearest."""
    assert about(seconds) == said


def test_what_to_do_next_is_said_with_the_names_that_were_chosen() -> None:
    """As code in a notebook, between backticks in a terminal."""
    card = replace(Card("good", "Signed in as alice"), ready=ready("fruit", "fruit_token"))
    assert "<code>requests.get(url, auth=fruit)</code>" in card.html()
    assert "`fruit` is ready: `requests.get(url, auth=fruit)`. `fruit_token` is the access token." in " ".join(
        card.text().split()
    )
