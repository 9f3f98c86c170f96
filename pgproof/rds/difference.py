"""A plan and its instance in, the words that they do not agree on out, each with what the change takes. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pgproof.rds.fields import FIELDS, said
from pgproof.rds.standing import read_standing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pgproof.errors import Location
    from pgproof.rds.fields import Change
    from pgproof.rds.instance import Instance
    from pgproof.rds.plan import Plan

_CHANGES = {each.name: each.change for each in FIELDS}
_ANEW = "chosen when an instance is made: restore a snapshot, or write what it has"
_NEVER = {
    "database": "RDS makes the first one only: CREATE DATABASE makes others",
    "encrypted": "chosen when an instance is made: restore an encrypted copy of a snapshot",
    "kms_key": "chosen when an instance is made: restore a copy of a snapshot, encrypted by that key",
}
_AS_IT_IS = ("ca_certificate", "instance_class", "master_password", "port", "storage_type")
_MORE = (
    "backup_retention",
    "extended_support",
    "iam",
    "multi_az",
    "performance_insights",
    "publicly_accessible",
    "storage_max",
)
_TO_KNOW = {
    "parameter_group": "its parameters hold after a reboot, which RDS leaves to you",
    "port": "in no maintenance window, but at once: --now",
}


@dataclass(frozen=True)
class Difference:
    """A word of a plan that its instance has another value of.

    Attributes:
        name: the word.
        before: what the instance has; empty: nothing, or there is no instance.
        after: what is planned.
        change: how the instance takes it; never: not at all.
        at: where the plan says it.
        why: it is never, or what else there is to know.
    """

    name: str
    before: str
    after: str
    change: Change
    at: Location
    why: str = ""

    @property
    def is_major(self) -> bool:
        """Whether it is an upgrade to another major version of PostgreSQL."""
        return self.name == "engine_version" and _version(self.before)[:1] != _version(self.after)[:1]


def compare(plan: Plan, instance: Instance | None, *, pending: bool = True) -> list[Difference]:
    """Return all that differs, in the plan's order.

    What a plan leaves to AWS does not, nor what RDS does not tell, nor what `is_left`.

    Args:
        plan: what is to be.
        instance: what is; None: nothing is.
        pending: take what RDS knows already, and only waits with, for done.
    """
    planned = read_planned(plan)
    if instance is None:
        return [Difference(name, "", as_text(value), "at once", plan.at(name)) for name, value in planned.items()]
    standing = read_standing(instance, pending=pending)
    known = {name: value for name, value in planned.items() if standing.get(name) is not None}
    return [
        _describe(plan, name, standing[name], value)
        for name, value in known.items()
        if not (_agree(plan, name, standing[name], value) or is_left(plan, name, standing[name]))
    ]


def read_planned(plan: Plan) -> dict[str, Any]:
    """Return what a plan says, without what it leaves to AWS."""
    return {field.name: value for field, value in said(plan)} | {"master_password": plan.master_password}


def is_left(plan: Plan, name: str, standing: Any) -> bool:  # noqa: ANN401 - as RDS tells it
    """Whether a word that the plan does not say is left as it is: a default is for what is made.

    What runs is not made small by it, nor loses its password, a standby, backups, room to grow, or those outside.
    """
    if name in plan.part.words:
        return False
    if name in _AS_IT_IS:
        return bool(standing != getattr(plan, name))
    return name in _MORE and bool(standing > getattr(plan, name))


def as_text(value: object) -> str:
    """Return a value as a plan writes it."""
    match value:
        case bool():
            return str(value).lower()
        case list() | tuple():
            return ", ".join(value)
        case dict():
            return ", ".join(f"{key}={each}" for key, each in value.items())
    return str(value)


def _agree(plan: Plan, name: str, standing: Any, planned: Any) -> bool:  # noqa: ANN401
    if name in _AGREE:
        return _AGREE[name](plan, standing, planned)
    if isinstance(planned, str):  # RDS keeps names in small letters
        return str(standing).casefold() == planned.casefold()
    return bool(standing == planned)


def _describe(plan: Plan, name: str, standing: Any, planned: Any) -> Difference:  # noqa: ANN401
    change = _CHANGES.get(name, "at once")
    why = _NEVER.get(name, _ANEW) if change == "never" else _TO_KNOW.get(name, "")
    if name == "storage" and planned < standing:
        change, why = "never", "storage never shrinks: write what it has, or dump and restore into a smaller one"
    elif name == "storage" and planned < (least := -(-standing * 11 // 10)):
        change, why = "never", f"storage grows by a tenth or more: write {least}, or what it has"
    if name == "storage_type" and "standard" in (standing, planned):
        change, why = "with a restart", "from or to magnetic storage, it is away while that begins"
    if name == "engine_version" and _version(planned) < _version(standing)[: len(_version(planned))]:
        change, why = "never", "RDS never goes back to an older version: write what it has"
    if name == "backup_retention" and 0 in (standing, planned):
        change, why = "with a restart", "switching backups on or off halts it for a moment"
    return Difference(name, as_text(standing), as_text(planned), change, plan.at(name), why)


def _is_storage(plan: Plan, standing: int, planned: int) -> bool:
    """Whether it has what is planned; or more, where it may grow by itself."""
    return standing == planned or planned < standing <= plan.storage_max


def _is_version(plan: Plan, standing: str, planned: str) -> bool:
    """Whether 18.4 is what 18, or 18.4, or 18.3 with upgrades by AWS, means."""
    has, wants = _version(standing), _version(planned)
    return has[: len(wants)] == wants or (plan.minor_upgrades and has[:1] == wants[:1] and has > wants)


def _is_key(_: Plan, standing: str, planned: str) -> bool:
    """Whether it may be the key: RDS tells its ARN, and whose alias that is, only KMS knows."""
    return "alias/" in planned or standing.endswith(planned)


def _is_kept(_: Plan, standing: str, planned: str) -> bool:
    """Whether RDS keeps the password where it should; what else there is instead, it does not tell."""
    return (standing == "managed") == (planned == "managed")


def _version(text: str) -> list[int]:
    return [int(each) for each in re.findall(r"\d+", text)]


_AGREE: Mapping[str, Callable[[Plan, Any, Any], bool]] = {
    "storage": _is_storage,
    "engine_version": _is_version,
    "kms_key": _is_key,
    "tags": lambda _, standing, planned: bool(planned.items() <= standing.items()),  # others may have put theirs there
    "security_groups": lambda _, standing, planned: set(standing) == set(planned),
    "master_password": _is_kept,
}
