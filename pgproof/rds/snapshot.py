"""An instance in, a snapshot of it out, once it is there."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pgproof.errors import CloudError, SettingsError
from pgproof.rds.waiting import Wait

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pgproof.rds.cloud import Cloud

_NAME = re.compile(r"(?=.{1,255}\Z)[A-Za-z](-?[A-Za-z0-9])*")
_LOST = {"failed", "incompatible-restore", "restore-error", "deleting"}


def name_snapshot(identifier: str, occasion: str = "", now: datetime | None = None) -> str:
    """Return a name for a snapshot of now: `cruddur-db-instance-final-20261126-161354`, in UTC."""
    moment = f"{(now or datetime.now(UTC)).astimezone(UTC):%Y%m%d-%H%M%S}"
    return "-".join(filter(None, (identifier, occasion, moment)))


def take_snapshot(
    cloud: Cloud,
    identifier: str,
    name: str,
    *,
    notify: Callable[[str], None] = lambda _: None,
    wait: Wait | None = None,
) -> str:
    """Take a snapshot of an instance, and wait until it can be restored; its name.

    A snapshot of that name that RDS makes already, of this instance, is waited for.

    Args:
        cloud: to ask.
        identifier: of the instance.
        name: of the snapshot.
        notify: is told how it goes, in a line; not with a `wait` of one's own.
        wait: how; an hour at most unless told.

    Raises:
        SettingsError: the name is none.
        CloudError: it failed, or took too long; there is one of that name; or AWS refused.
    """
    _check_name(name)
    wait = wait or Wait(again=f"inv rds.snapshot --name={name}", notify=notify)
    try:
        cloud.ask(cloud.rds.create_db_snapshot, DBInstanceIdentifier=identifier, DBSnapshotIdentifier=name)
    except CloudError as error:
        if error.code != "DBSnapshotAlreadyExists" or not _is_on_its_way(cloud, identifier, name):
            raise
    wait.until(f"snapshot {name}", lambda _: _look(cloud, name))
    return name


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        hint = "letters, digits and single hyphens, a letter first, at most 255"
        raise SettingsError(f"{name!r} is no name of a snapshot", hint=hint)


def _is_on_its_way(cloud: Cloud, identifier: str, name: str) -> bool:
    found = _fetch(cloud, name)
    return found.get("DBInstanceIdentifier") == identifier.lower() and found.get("Status") == "creating"


def _look(cloud: Cloud, name: str) -> str:
    if not (found := _fetch(cloud, name)):
        return "not there yet"
    if found["Status"] in _LOST:
        raise CloudError(f"snapshot {name} is {found['Status']}", hint="delete it, and take another")
    return "" if found["Status"] == "available" else f"{found['Status']}, {found.get('PercentProgress', 0)} %"


def _fetch(cloud: Cloud, name: str) -> Mapping[str, Any]:
    """Return its description; empty where RDS does not show it yet."""
    try:
        found = cloud.ask(cloud.rds.describe_db_snapshots, DBSnapshotIdentifier=name)
    except CloudError as error:
        if error.code in ("DBSnapshotNotFound", "DBSnapshotNotFoundFault"):
            return {}
        raise
    return found["DBSnapshots"][0]
