"""Rules of what AWS refuses, minutes after it was asked, and cfn-lint does not know. Pure."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pgproof.rds.judging import names, window
from pgproof.rds.judging.rule import Rule

if TYPE_CHECKING:
    from pgproof.rds.plan import Plan

_SIZES = {"gp2": range(20, 65537), "gp3": range(20, 65537), "standard": range(5, 3073)}
_GROWTH = 1.1  # what RDS takes as a limit of growth at least
_EXPIRED = ("rds-ca-2015", "rds-ca-2019")

_refusal = partial(Rule, severity="error")


def _has_wrong_size(plan: Plan) -> bool:
    return plan.storage_type in _SIZES and plan.storage not in _SIZES[plan.storage_type]


def _cannot_grow(plan: Plan) -> bool:
    return 0 < plan.storage_max < round(plan.storage * _GROWTH, 6)


def _is_paid_build(plan: Plan) -> bool:
    return "-rds." in plan.engine_version and not plan.extended_support


REFUSALS = (
    _refusal(
        id="storage-size",
        field="storage",
        is_broken=_has_wrong_size,
        what="{plan.storage} GiB of {plan.storage_type}",
        why="gp2 and gp3 have 20 to 65536 GiB, standard 5 to 3072",
        hint="storage = 20",
    ),
    _refusal(
        id="storage-type",
        field="storage_type",
        is_broken=lambda plan: plan.storage_type not in _SIZES,
        what="storage_type {plan.storage_type}",
        why="RDS has gp2, gp3 and standard; io1 and io2 need a number of IOPS, which a plan has no word for",
        hint='storage_type = "gp3"',
    ),
    _refusal(
        id="storage-growth",
        field="storage_max",
        is_broken=_cannot_grow,
        what="storage grows from {plan.storage} to {plan.storage_max} GiB",
        why="RDS takes a limit that is at least a tenth above",
        hint="a higher storage_max; or none, and it does not grow",
    ),
    _refusal(
        id="standby-in-one-zone",
        field="multi_az",
        is_broken=lambda plan: plan.multi_az and bool(plan.availability_zone),
        what="multi_az, and the zone {plan.availability_zone}",
        why="with a standby in another zone, AWS chooses both",
        hint="leave out availability_zone, and say the region",
    ),
    _refusal(
        id="taken-username",
        field="username",
        is_broken=lambda plan: names.is_taken_role(plan.username),
        what="username {plan.username}",
        why="RDS or PostgreSQL keeps that name for itself",
        hint='username = "{plan.database}_master"',
    ),
    _refusal(
        id="taken-database",
        field="database",
        is_broken=lambda plan: names.is_taken_database(plan.database),
        what="database {plan.database}",
        why="RDS makes none of that name: letters, digits and _, a letter first, and no word that is kept",
        hint='database = "cruddur": the name of what it is for, which may be another at home',
    ),
    _refusal(
        id="expired-ca",
        field="ca_certificate",
        is_broken=lambda plan: plan.ca_certificate in _EXPIRED,
        what="certificate by {plan.ca_certificate}",
        why="that root expired in August 2024 or before: no client that checks a certificate connects",
        hint='ca_certificate = "rds-ca-rsa2048-g1"',
    ),
    _refusal(
        id="paid-build",
        field="engine_version",
        is_broken=_is_paid_build,
        what="PostgreSQL {plan.engine_version}, without extended support",
        why="such builds are for who pays for it",
        hint="a version that its community mends; or extended_support = true",
    ),
    _refusal(
        id="short-backup-window",
        field="backup_window",
        is_broken=lambda plan: window.is_short(plan.backup_window),
        what="backups at {plan.backup_window}",
        why="a window has 30 minutes or more",
        hint='backup_window = "07:00-07:30"',
    ),
    _refusal(
        id="short-maintenance-window",
        field="maintenance_window",
        is_broken=lambda plan: window.is_short(plan.maintenance_window),
        what="maintenance at {plan.maintenance_window}",
        why="a window has 30 minutes or more",
        hint='maintenance_window = "sun:08:00-sun:08:30"',
    ),
    _refusal(
        id="windows-meet",
        field="maintenance_window",
        is_broken=lambda plan: window.overlap(plan.backup_window, plan.maintenance_window),
        what="maintenance at {plan.maintenance_window}, backups at {plan.backup_window}",
        why="the two never run at once",
        hint="an hour between them",
    ),
)
