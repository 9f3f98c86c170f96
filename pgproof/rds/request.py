"""A plan in, the arguments of CreateDBInstance out; differences in, those of ModifyDBInstance. Pure."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any

from pgproof.errors import SettingsError
from pgproof.rds.difference import read_planned
from pgproof.rds.fields import FIELDS, LIFECYCLES, make_tags

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pgproof.rds.difference import Difference
    from pgproof.rds.instance import Instance
    from pgproof.rds.plan import Plan

_FIXED = {"Engine": "postgres", "CopyTagsToSnapshot": True, "DatabaseInsightsMode": "standard"}
_PASSWORD = frozenset(string.ascii_letters + string.digits + string.punctuation) - frozenset('/"@')
_LENGTHS = range(8, 129)
_STRIPED = 400  # GiB, from which on gp3 of PostgreSQL is of four volumes
_LEAST_IOPS = 12000  # that those have, for nothing


def make_creation(plan: Plan, password: str) -> dict[str, Any]:
    """Return all that makes the instance.

    Args:
        plan: what is to be.
        password: the master user's, where the plan says that it comes from the environment.

    Raises:
        SettingsError: there is no password, or none that RDS takes.
    """
    named: dict[str, Any] = {}
    for name, value in read_planned(plan).items():
        named |= _name(plan, name, value, password)
    return {**_FIXED, **named}


def make_modification(
    plan: Plan, differences: Sequence[Difference], password: str, instance: Instance
) -> dict[str, Any]:
    """Return all that changes the instance, but for ApplyImmediately; tags have a request of their own.

    Args:
        plan: what is to be.
        differences: what is to be changed; none that is never.
        password: as `make_creation`.
        instance: as it is.

    Raises:
        SettingsError: as `make_creation`.
    """
    planned, named = read_planned(plan), dict[str, Any]()
    names = {each.name for each in differences}
    for each in differences:
        named |= _name(plan, each.name, planned[each.name], password, _MODIFY)
    if "storage_max" in names and not plan.storage_max:
        named["MaxAllocatedStorage"] = plan.storage  # what may grow to what it has does not grow
    if not names.isdisjoint(("storage", "storage_type")):
        named |= _stripe(plan, instance)
    if any(each.is_major for each in differences):
        named["AllowMajorVersionUpgrade"] = True
    if named.get("MasterUserPassword"):
        named["ManageMasterUserPassword"] = False  # it is the one that RDS kept until now
    named.pop("Tags", None)
    return {"DBInstanceIdentifier": plan.identifier, **named} if named else {}


def _stripe(plan: Plan, instance: Instance) -> dict[str, Any]:
    """Return what RDS wants to hear of gp3 that is large, each time that it changes; of less it must not be told."""
    size = max(plan.storage, instance.said.get("AllocatedStorage", 0))
    if plan.storage_type != "gp3" or size < _STRIPED:
        return {}
    return {"AllocatedStorage": size, "Iops": max(instance.said.get("Iops", 0), _LEAST_IOPS)}


_CREATE = {each.name: each.aws for each in FIELDS}
_MODIFY = {each.name: each.modify or each.aws for each in FIELDS}
_AS_AWS: Mapping[str, Callable[[Any], Any]] = {
    "extended_support": LIFECYCLES.__getitem__,
    "security_groups": list,
    "tags": make_tags,
}


def _name(plan: Plan, name: str, value: Any, password: str, names: Mapping[str, str] = _CREATE) -> dict[str, Any]:  # noqa: ANN401
    match name:
        case "master_password":
            return _log_in(plan, password)
        case "performance_insights":
            return {"EnablePerformanceInsights": value > 0, **({names[name]: value} if value else {})}
        case "storage_max" if not value:
            return {}
    return {names[name]: _AS_AWS[name](value) if name in _AS_AWS else value}


def _log_in(plan: Plan, password: str) -> dict[str, Any]:
    match plan.master_password:
        case "managed":
            return {"ManageMasterUserPassword": True}
        case "iam":
            return {"MasterUserAuthenticationType": "iam-db-auth"}
    if not password:
        hint = 'export it; or master_password = "managed", and RDS keeps it in Secrets Manager'
        raise SettingsError("MASTER_USER_PASSWORD is not set", at=plan.at("master_password"), hint=hint)
    if len(password) not in _LENGTHS or not _PASSWORD.issuperset(password):
        hint = 'RDS takes 8 to 128 letters, digits and signs, without / " @, blanks and what is not ASCII'
        raise SettingsError("MASTER_USER_PASSWORD is none that RDS takes", hint=hint)
    return {"MasterUserPassword": password}
