"""An instance in, the same started, stopped or gone out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgproof.errors import CloudError, DestructionRefused
from pgproof.rds.instance import fetch_instance, find_instance
from pgproof.rds.snapshot import name_snapshot
from pgproof.rds.statuses import THERE
from pgproof.rds.waiting import await_gone, await_status

if TYPE_CHECKING:
    from pgproof.rds.cloud import Cloud
    from pgproof.rds.instance import Instance
    from pgproof.rds.waiting import Wait


_UNSAVED = ("failed", "incompatible-network", "incompatible-restore")  # RDS takes no snapshot of it then


def start(cloud: Cloud, identifier: str, wait: Wait) -> Instance:
    """Start an instance, unless it runs or starts, and wait until it is available.

    Raises:
        CloudError: there is none, it failed or took too long; or AWS refused.
    """
    status, before = fetch_instance(cloud, identifier).status, ""
    if status in ("stopped", "inaccessible-encryption-credentials-recoverable"):
        cloud.ask(cloud.rds.start_db_instance, DBInstanceIdentifier=identifier)
        before = status
    return await_status(cloud, identifier, THERE, wait, before=before)


def stop(cloud: Cloud, identifier: str, wait: Wait) -> Instance:
    """Stop an instance, unless it stands or stops, and wait until it stands.

    Raises:
        CloudError: there is none, it failed or took too long; or AWS refused, as while it is changed.
    """
    before = fetch_instance(cloud, identifier).status
    if before not in ("stopping", "stopped"):
        cloud.ask(cloud.rds.stop_db_instance, DBInstanceIdentifier=identifier)
    return await_status(cloud, identifier, {"stopped"}, wait, before=before)


def delete(cloud: Cloud, identifier: str, wait: Wait, *, allowed: str | None) -> str | None:
    """Delete an instance, with a final snapshot, and wait until it is gone.

    Args:
        cloud: to ask.
        identifier: of the instance.
        wait: how.
        allowed: the identifier again, from who means it.

    Returns:
        The final snapshot's name; empty: it was being deleted already; None: there was no such instance.

    Raises:
        DestructionRefused: it was not named, or is protected.
        CloudError: it stays, or took too long; or AWS refused.
    """
    if (instance := find_instance(cloud, identifier)) is None:
        return None
    snapshot, before = "", instance.status
    if before != "deleting":
        _check(instance, allowed)
        snapshot = name_snapshot(identifier, "final")
        cloud.ask(
            cloud.rds.delete_db_instance,
            DBInstanceIdentifier=identifier,
            SkipFinalSnapshot=False,
            FinalDBSnapshotIdentifier=snapshot,
            DeleteAutomatedBackups=False,
        )
    await_gone(cloud, identifier, wait, before=before)
    return snapshot


def _check(instance: Instance, allowed: str | None) -> None:
    name = instance.identifier
    if allowed != name:
        size = f"{instance.said['AllocatedStorage']} GiB at {instance.host or 'no address yet'}"
        named = f"; --yes-destroy names {' '.join(allowed.split())}" if allowed else ""
        what = f"rds.delete would destroy the RDS instance {name}: {size}{named}"
        raise DestructionRefused(what, hint=f"if that is what you want: --yes-destroy={name}")
    if instance.said.get("DeletionProtection"):
        hint = "`deletion_protection = false` in the plan, then `inv rds.ensure`"
        raise DestructionRefused(f"{name} is protected from deletion", hint=hint)
    if instance.status in _UNSAVED:
        hint = f"see what older snapshots there are, then `aws rds delete-db-instance --skip-final-snapshot` for {name}"
        raise CloudError(f"{name} is {instance.status}: no final snapshot can be taken", hint=hint)
