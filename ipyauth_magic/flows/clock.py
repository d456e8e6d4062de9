"""The time."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the time, aware, UTC."""
    return datetime.now(UTC)


def time_of_day(moment: datetime) -> str:
    """Return *moment* in the local time zone: `14:05`, with the date unless it is today.

    The zone is named where it is probably not the user's: containers and hubs run on UTC, and some know no zone.
    """
    local, now = moment.astimezone(), utc_now().astimezone()
    day = "" if local.date() == now.date() else f"{local.day} {local:%b}"
    year = "" if local.year == now.year else f" {local.year}"
    name = local.tzname() or ""
    is_named = not local.utcoffset() or not name.replace(" ", "").isalpha()
    offset = local.strftime("%z")
    zone = (name if name.isalpha() else f"UTC{offset[:3]}:{offset[3:5]}") if is_named else ""
    return f"{day}{year}{day and ', '}{local:%H:%M}{zone and ' '}{zone}"
