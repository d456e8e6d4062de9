"""The time."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the time, aware, UTC."""
    return datetime.now(UTC)
