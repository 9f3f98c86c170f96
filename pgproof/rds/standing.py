"""An instance in, the words of a plan that it has out; None: RDS does not tell. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from pgproof.rds.fields import FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pgproof.rds.instance import Instance

_TOLD_OTHERWISE = {"iam": "IAMDatabaseAuthenticationEnabled"}
_SUPPORTED = "open-source-rds-extended-support"


def read_standing(instance: Instance, *, pending: bool) -> dict[str, Any]:
    """Return what it has, by the plan's words; moto, and RDS in regions that lack a feature, leave some out.

    Args:
        instance: as RDS describes it.
        pending: what waits for the maintenance window counts as done.
    """
    waiting = instance.pending if pending else {}
    said: Mapping[str, Any] = {**cast("Mapping[str, Any]", instance.said), **waiting}
    told = {each.name: said.get(_TOLD_OTHERWISE.get(each.name, each.aws)) for each in FIELDS}
    return told | {
        "port": waiting.get("Port") or instance.port or None,
        "storage_max": _growth(said),
        "subnet_group": waiting.get("DBSubnetGroupName") or said.get("DBSubnetGroup", {}).get("DBSubnetGroupName"),
        "security_groups": instance.groups,
        "parameter_group": next((each["DBParameterGroupName"] for each in said.get("DBParameterGroups", ())), None),
        "performance_insights": _insights(said),
        "extended_support": _support(said),
        "tags": {each["Key"]: each.get("Value", "") for each in said.get("TagList", ())},
        "master_password": "managed" if instance.secret else "not managed",
    }


def _growth(said: Mapping[str, Any]) -> int:
    """RDS tells no limit of what does not grow; one that is no more than the storage is how growth is switched off."""
    most = int(said.get("MaxAllocatedStorage", 0))
    return most if most > said.get("AllocatedStorage", 0) else 0


def _insights(said: Mapping[str, Any]) -> int | None:
    if "PerformanceInsightsEnabled" not in said:
        return None
    return int(said.get("PerformanceInsightsRetentionPeriod", 7)) if said["PerformanceInsightsEnabled"] else 0


def _support(said: Mapping[str, Any]) -> bool | None:
    return said["EngineLifecycleSupport"] == _SUPPORTED if "EngineLifecycleSupport" in said else None
