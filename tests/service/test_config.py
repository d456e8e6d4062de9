"""The configuration: sources, precedence, and sentences for what is wrong."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

from fruit_service import __main__ as service
from fruit_service.access_token import Rules
from fruit_service.config import Config, dotenv
from fruit_service.errors import BadConfig

ISSUER = {"FRUIT_ISSUER": "https://tenant.test/"}


def test_defaults_are_those_of_the_interface() -> None:
    """Section 5."""
    config = Config.of(ISSUER)
    assert (config.host, config.port, config.audience, config.leeway) == ("127.0.0.1", 5000, "api/fruit", 60)
    assert (config.token_profile, config.algorithms) == ("auth0", ("RS256",))
    assert config.database.startswith("sqlite:///")


def test_first_source_wins() -> None:
    """Options over environment over dotenv file; None and empty are nothing."""
    config = Config.of({"FRUIT_PORT": "1", "FRUIT_LEEWAY": None}, {"FRUIT_PORT": "2", "FRUIT_LEEWAY": "3"}, ISSUER)
    assert (config.port, config.leeway) == (1, 3)


def test_password_of_the_database_is_in_no_repr() -> None:
    """The printed configuration contains no secret."""
    assert "hunter2" not in repr(Config.of(ISSUER, {"FRUIT_DATABASE": "postgresql://fruit:hunter2@db/fruit"}))


@pytest.mark.parametrize("text", ["RS256,ES256", "RS256 ES256", " RS256, ES256 "])
def test_algorithms_are_a_list(text: str) -> None:
    """With commas or spaces."""
    assert Config.of(ISSUER, {"FRUIT_ALGORITHMS": text}).algorithms == ("RS256", "ES256")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ISSUER", ""),
        ("ISSUER", "http://tenant.test/"),
        ("ISSUER", "tenant.test"),
        ("PORT", "-1"),
        ("PORT", "65536"),
        ("PORT", "\u0665"),
        ("PORT", "9" * 5000),
        ("LEEWAY", "3600"),
        ("LEEWAY", "1.5"),
        ("THREADS", "0"),
        ("TOKEN_PROFILE", "any"),
        ("ALGORITHMS", "none"),
        ("ALGORITHMS", "RS256 HS256"),
        ("ALGORITHMS", ","),
        ("METRICS", "perhaps"),
        ("PUBLIC_URL", "http://fruit.test"),
        ("PUBLIC_URL", "fruit.test"),
        ("PUBLIC_URL", "https://fruit.test/api"),
        ("PUBLIC_URL", "https://fruit.test?x"),
        ("PUBLIC_URL", 'https://fruit.test", error="x'),
        ("PUBLIC_URL", "https://fruit.test\nx"),
        ("PUBLIC_URL", "https://user@fruit.test"),
    ],
)
def test_wrong_value_is_named(name: str, value: str) -> None:
    """By its variable, or by what to give where it is missing."""
    with pytest.raises(BadConfig, match=f"FRUIT_{name}"):
        Config.of({f"FRUIT_{name}": value}, {} if name == "ISSUER" else ISSUER)


@pytest.mark.parametrize(("text", "on"), [("1", True), ("on", True), ("0", False), ("false", False), ("", False)])
def test_metrics_are_a_switch(text: str, on: bool) -> None:
    """Off where nothing is said."""
    assert Config.of(ISSUER, {"FRUIT_METRICS": text}).metrics is on


@pytest.mark.parametrize("text", ["https://fruit.test", "https://fruit.test/"])
def test_public_url_has_no_path(text: str) -> None:
    """A slash at its end is none."""
    assert Config.of(ISSUER, {"FRUIT_PUBLIC_URL": text}).public_url == "https://fruit.test"
    assert Config.of(ISSUER).public_url == ""


def test_dotenv_file(tmp_path: Path) -> None:
    """Keys as in the environment; a byte order mark does not hide the first one."""
    path = tmp_path / "fruit.env"
    path.write_bytes(b"\xef\xbb\xbfFRUIT_ISSUER='https://tenant.test/'\nexport FRUIT_PORT=5001 # here\n")
    config = Config.of({}, dotenv(path))
    assert (config.issuer, config.port) == ("https://tenant.test/", 5001)


@pytest.mark.parametrize("content", [None, b"\xff", b"#" * 65_537])
def test_dotenv_file_that_cannot_be_used_is_named(tmp_path: Path, content: bytes | None) -> None:
    """A missing one, and a folder, are not taken for empty ones."""
    path = tmp_path / "fruit.env"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadConfig, match=r"fruit\.env"):
        dotenv(path)
    with pytest.raises(BadConfig):
        dotenv(tmp_path)


def test_every_option_is_what_a_token_is_held_against(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the command line to the rules."""
    seen: list[Config] = []
    monkeypatch.setattr(service, "_serve", lambda config, stack: seen.append(config))
    monkeypatch.setattr(service, "wait", lambda: None)
    monkeypatch.setattr(service, "until_signal", nullcontext)
    line = "--issuer https://tenant.test/ --audience api/other --leeway 7 --token-profile rfc9068 --algorithms ES256"
    assert (
        service.main([*line.split(), "--threads", "3", "--host", "::1", "--port", "0", "--database", "sqlite://"]) == 0
    )
    [config] = seen
    assert (config.threads, config.host, config.port, config.database) == (3, "::1", 0, "sqlite://")
    assert config.rules == Rules("https://tenant.test/", "api/other", ("ES256",), "rfc9068", 7)
