"""An instance in, what people and scripts want to know of it out. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pgproof.rds.instance import Instance

_TOLD = {
    "class": "DBInstanceClass",
    "version": "EngineVersion",
    "storage": "AllocatedStorage",
    "storage_type": "StorageType",
    "zone": "AvailabilityZone",
    "multi_az": "MultiAZ",
    "publicly_accessible": "PubliclyAccessible",
    "encrypted": "StorageEncrypted",
    "deletion_protection": "DeletionProtection",
    "backup_days": "BackupRetentionPeriod",
    "backup_window": "PreferredBackupWindow",
    "restorable_until": "LatestRestorableTime",
    "maintenance_window": "PreferredMaintenanceWindow",
    "ca_certificate": "CACertificateIdentifier",
    "starts_by_itself": "AutomaticRestartTime",
}
_SECRET = "MasterUserPassword"  # noqa: S105 - RDS masks it where it waits; nobody is to see even that


def read_facts(instance: Instance) -> dict[str, Any]:
    """Return what is known of it, in an order to be read; None: RDS does not tell."""
    said = cast("Mapping[str, Any]", instance.said)
    told = {name: said.get(key) for name, key in _TOLD.items()}
    return {
        "identifier": instance.identifier,
        "status": instance.status,
        "host": instance.host or None,
        "port": instance.port or None,
        **told,
        "certificate_expires": said.get("CertificateDetails", {}).get("ValidTill"),
        "security_groups": instance.groups,
        "awaits_reboot": instance.awaits_reboot,
        "pending": {name: value for name, value in instance.pending.items() if name != _SECRET},
    }
