"""Rules of what AWS takes, and one is sorry for later. Pure."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from pgproof.rds.judging import names
from pgproof.rds.judging.rule import Rule

if TYPE_CHECKING:
    from pgproof.rds.plan import Plan

_MENDED = 15  # the oldest major version that still gets fixes
_FORCES_TLS = 15  # the first whose default parameters refuse a connection without
_ROOTS = ("rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1")
_WEEK = 7
_LONG = 16
_PREVIOUS_CLASSES = re.compile(r"db\.(t[12]|m[1-4]|r[1-4]|x1e?)\.")

_risk = partial(Rule, severity="warning")


def _major(plan: Plan) -> int:
    return int(plan.engine_version.partition(".")[0])


def _may_speak_in_clear(plan: Plan) -> bool:
    return _major(plan) < _FORCES_TLS and not plan.parameter_group


def _has_one_zone_unsaid(plan: Plan) -> bool:
    """Whether it has no standby, and nobody wrote `multi_az = false`."""
    return not plan.multi_az and "multi_az" not in plan.part.words


RISKS = (
    _risk(
        id="public",
        field="publicly_accessible",
        is_broken=lambda plan: plan.publicly_accessible,
        what="the instance has an address on the internet",
        why="one wrong rule of its security group and everybody may try passwords; the address is charged, too",
        hint="publicly_accessible = false, and a tunnel leads there: PGPROOF_TUNNEL=127.0.0.1:15432",
    ),
    _risk(
        id="unencrypted",
        field="encrypted",
        is_broken=lambda plan: not plan.encrypted,
        what="the storage is not encrypted",
        why="nor are its snapshots, and it stays so for the instance's life; encryption costs nothing",
        hint="encrypted = true",
    ),
    _risk(
        id="no-backups",
        field="backup_retention",
        is_broken=lambda plan: plan.backup_retention == 0,
        what="no backups",
        why="after a wrong DELETE, or with a lost disk, there is no way back",
        hint="backup_retention = 7",
    ),
    _risk(
        id="few-backups",
        field="backup_retention",
        is_broken=lambda plan: 0 < plan.backup_retention < _WEEK,
        what="the way back ends after {plan.backup_retention} d",
        why="what went wrong before a weekend is often found after it",
        hint="backup_retention = 7",
    ),
    _risk(
        id="deletable",
        field="deletion_protection",
        is_broken=lambda plan: not plan.deletion_protection,
        what="no protection from deletion",
        why="one command, or one click, takes the database away",
        hint="deletion_protection = true; for a planned end it is switched off first",
    ),
    _risk(
        id="own-password",
        field="master_password",
        is_broken=lambda plan: plan.master_password == "environment",  # noqa: S105 - no password
        what="the master user's password is yours to keep",
        why="it lies in shells and in the settings of CI, and nobody changes it",
        hint='master_password = "managed": RDS keeps it in Secrets Manager, and changes it every week',
    ),
    _risk(
        id="guessed-username",
        field="username",
        is_broken=lambda plan: names.is_guessed_role(plan.username),
        what="username {plan.username}",
        why="such names are tried first; it cannot be changed later",
        hint='username = "{plan.database}_master"; the application has a role of its own (`inv db.roles`)',
    ),
    _risk(
        id="long-username",
        field="username",
        is_broken=lambda plan: len(plan.username) > _LONG,
        what="username {plan.username}",
        why="AWS promises to take 16 letters",
        hint="a shorter one",
    ),
    _risk(
        id="guessed-database",
        field="database",
        is_broken=lambda plan: names.is_guessed_database(plan.database),
        what="database {plan.database}",
        why="the name does not say whose data it has: a command for another one works here too",
        hint="the name of the application",
    ),
    _risk(
        id="guessed-identifier",
        field="identifier",
        is_broken=lambda plan: names.is_guessed_instance(plan.identifier),
        what="identifier {plan.identifier}",
        why="who deletes or restores types this name: it should say which instance it is",
        hint='identifier = "{plan.database}-db-instance"',
    ),
    _risk(
        id="unknown-ca",
        field="ca_certificate",
        is_broken=lambda plan: not plan.ca_certificate.startswith("rds-ca-20") and plan.ca_certificate not in _ROOTS,
        what="certificate by {plan.ca_certificate}",
        why=f"known are {', '.join(_ROOTS)}",
        hint='ca_certificate = "rds-ca-rsa2048-g1"',
    ),
    _risk(
        id="extended-support",
        field="extended_support",
        is_broken=lambda plan: plan.extended_support,
        what="extended support",
        why="after the end of the major version AWS charges for every hour and processor, unasked",
        hint="extended_support = false: the version is upgraded by then",
    ),
    _risk(
        id="old-storage",
        field="storage_type",
        is_broken=lambda plan: plan.storage_type in ("gp2", "standard"),
        what="storage_type {plan.storage_type}",
        why="gp3 gives a small disk 3000 IOPS from the first second, for the same money",
        hint='storage_type = "gp3"',
    ),
    _risk(
        id="one-zone",
        field="availability_zone",
        is_broken=_has_one_zone_unsaid,
        what="one zone, no standby",
        why="with a failure there the database is away until AWS mends it, or somebody restores a backup",
        hint="multi_az = true, for twice the price; multi_az = false says that it is meant",
    ),
    _risk(
        id="old-major",
        field="engine_version",
        is_broken=lambda plan: _major(plan) < _MENDED,
        what="PostgreSQL {plan.engine_version}",
        why="14 and older get no more fixes since November 2026",
        hint='engine_version = "18"',
    ),
    _risk(
        id="not-as-at-home",
        field="engine_version",
        is_broken=lambda plan: plan.home not in (0, _major(plan)),
        what="PostgreSQL {plan.engine_version} there, {plan.home} at home",
        why="what is proved at home is proved for another version",
        hint="the same number as major in [tool.pgproof]; left out, engine_version is that",
    ),
    _risk(
        id="in-clear",
        field="parameter_group",
        is_broken=_may_speak_in_clear,
        what="PostgreSQL {plan.engine_version}, with RDS' default parameters",
        why="before 15 they take connections without TLS: a client that asks for none sends its password in clear",
        hint="a parameter_group with rds.force_ssl = 1, or a newer version",
    ),
    _risk(
        id="old-class",
        field="instance_class",
        is_broken=lambda plan: bool(_PREVIOUS_CLASSES.match(plan.instance_class)),
        what="{plan.instance_class} is of a previous generation",
        why="it is slower, dearer, and new major versions do not run on it",
        hint='instance_class = "db.t4g.micro", or the same size of a newer one',
    ),
    _risk(
        id="no-fixes",
        field="minor_upgrades",
        is_broken=lambda plan: not plan.minor_upgrades,
        what="minor versions are yours to install",
        why="every quarter one closes known holes",
        hint="minor_upgrades = true: in the maintenance window",
    ),
)
