"""A plan in, what cfn-lint has against it, as CloudFormation, out: versions, classes and ranges that RDS knows."""

from __future__ import annotations

import ast
import logging
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgproof.errors import SettingsError
from pgproof.rds.fields import FIELDS
from pgproof.rds.finding import Finding
from pgproof.rds.rendering import render_cloudformation
from pgproof.tomltext import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgproof.rds.finding import Severity
    from pgproof.rds.plan import Plan

_ASSUMED = "us-east-1"  # has every class there is
_GONE = "W3691"
_NOT_ASKED = ["W1011", "W3010"]  # of a password that is a parameter, a zone that is written down: those are choices
_WORDS = {
    _GONE: "AWS makes no instance with it any more",
    "E3691": "RDS has no such version of PostgreSQL",
    "E3025": "not in {region}",
    "E3062": "not with PostgreSQL {version}",
    "E3720": "with a kms_key it is encrypted",
}
_FIELDS = {each.cloudformation or each.aws: each.name for each in FIELDS}
_KNOWN = re.compile(r" is not one of (\[.*\])")
_NEWEST = 'engine_version = "18": the newest 18 there is; left out, it is the setting major'
_LONGEST = 300


def lint(plan: Plan) -> list[Finding]:
    """Return its findings: one for each word, the first; without a region, of one that has every class.

    Raises:
        SettingsError: cfn-lint is not installed.
    """
    try:
        from cfnlint.api import lint as lint_text  # type: ignore[import-untyped]
        from cfnlint.config import ManualArgs  # type: ignore[import-untyped]
        from cfnlint.helpers import REGIONS  # type: ignore[import-untyped]
    except ImportError as error:
        raise SettingsError("cfn-lint is not installed", hint="pip install 'pgproof[rds]'") from error
    region = plan.region if plan.region in REGIONS else _ASSUMED
    logging.getLogger("cfnlint").setLevel(logging.CRITICAL)
    own = Path(os.devnull)  # a .cfnlintrc is about other templates, and what is wrong with it is no fault of a plan
    matches = lint_text(
        render_cloudformation(plan), config=ManualArgs(regions=[region], ignore_checks=_NOT_ASKED, config_file=own)
    )
    gone = any(each.rule.id == _GONE for each in matches)
    found = {} if plan.region in ("", region) else {"region": _unknown_region(plan, REGIONS)}
    for each in matches:
        if not (gone and each.rule.id == "E3062"):  # of a version that is gone, its data has classes of long ago
            found.setdefault(_field(each), _describe(plan, region, each))
    return list(found.values())


def _unknown_region(plan: Plan, known: Sequence[str]) -> Finding:
    hint = did_you_mean(plan.region, known, "if it is a new one: a newer cfn-lint")
    word = "region" if "region" in plan.part.words else "availability_zone"
    what = f"region {plan.region}: cfn-lint knows none of that name, and judges as if it were {_ASSUMED}"
    return Finding(severity="warning", at=plan.at(word), what=what, hint=hint, rule="unknown-region")


def _field(match: Any) -> str:  # noqa: ANN401 - cfn-lint has no types
    """Return the word of the plan that a match is about; empty where it is about none."""
    if match.rule.id == _GONE:
        return "engine_version"
    return next((_FIELDS[each] for each in match.path if each in _FIELDS), "")


def _describe(plan: Plan, region: str, match: Any) -> Finding:  # noqa: ANN401
    field, rule = _field(match), match.rule.id
    words = _WORDS.get(rule, "").format(region=region, version=plan.engine_version)
    value = getattr(plan, field, "")
    severity: Severity = "error" if rule.startswith("E") or rule == _GONE else "warning"
    what = f"{field} {value}: {words}" if words else f"{field or 'the template'}: {match.message[:_LONGEST]}"
    hint = _hint(match, str(value))
    return Finding(severity=severity, at=plan.at(field), what=what, hint=hint, rule=rule, field=field)


def _hint(match: Any, value: str) -> str:  # noqa: ANN401
    if match.rule.id == _GONE:
        return _NEWEST
    if not (listed := _KNOWN.search(match.message)):
        return ""
    known = [str(each) for each in ast.literal_eval(listed[1])]
    same = [each for each in known if each.partition(".")[0] == value.partition(".")[0]]
    if match.rule.id == "E3691":
        return f"there is {', '.join(same)}" if same else _NEWEST
    return did_you_mean(value, known)
