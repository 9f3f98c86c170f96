"""A plan in, the Terraform of its instance out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pgproof.errors import SettingsError
from pgproof.rds.fields import decided
from pgproof.rds.rendering.literal import literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pgproof.rds.plan import Plan

_HEAD = """\
# {identifier} as pyproject.toml plans it. It is for who keeps all of an account in Terraform:
#   inv rds.template --format=terraform > rds.tf
#   terraform init && terraform apply
# Destroyed, it leaves a snapshot. `inv rds.ensure` makes the same without Terraform: use one of the two.
"""
_ASKED = """\
# The master user's password is from the environment: TF_VAR_master_user_password. It is in no state.
"""


@dataclass(frozen=True)
class _Code:
    """What stands without quotes."""

    text: str


_LOGINS: dict[str, dict[str, Any]] = {
    "managed": {"manage_master_user_password": True},
    "environment": {"password_wo": _Code("var.master_user_password"), "password_wo_version": 1},
}
_VARIABLES: dict[str, dict[str, Any]] = {
    "environment": {
        "terraform": {"required_version": ">= 1.11"},  # older ones write the password into their state
        'variable "master_user_password"': {"type": _Code("string"), "sensitive": True, "ephemeral": True},
    }
}
_OUTPUTS = {"managed": {"secret": "master_user_secret[0].secret_arn"}}


def render_terraform(plan: Plan) -> str:
    """Return the configuration; where the plan names no security group, it has one that lets nobody in.

    Raises:
        SettingsError: the master user is to log in by IAM, which aws_db_instance has no word for.
    """
    if plan.master_password not in _LOGINS:
        what = "Terraform's aws_db_instance has no word for a master user that logs in by IAM"
        hint = 'master_password = "managed"; or --format=cloudformation'
        raise SettingsError(what, at=plan.at("master_password"), hint=hint)
    blocks = {**_before(plan), 'resource "aws_db_instance" "instance"': _arguments(plan), **_outputs(plan)}
    head = _HEAD + ("" if plan.master_password == "managed" else _ASKED)  # noqa: S105 - no password
    texts = ["\n".join([f"{name} {{", *_lines(body), "}\n"]) for name, body in blocks.items()]
    return "\n".join([head.format(identifier=plan.identifier), *texts])


def _before(plan: Plan) -> dict[str, dict[str, Any]]:
    blocks = {'provider "aws"': {"region": plan.region}} if plan.region else {}
    blocks |= _VARIABLES.get(plan.master_password, {})
    if plan.security_groups:
        return blocks
    group: dict[str, Any] = {"description": f"who may reach the RDS instance {plan.identifier}"}
    if plan.subnet_group:
        blocks['data "aws_db_subnet_group" "instance"'] = {"name": plan.subnet_group}
        group["vpc_id"] = _Code("data.aws_db_subnet_group.instance.vpc_id")
    return {**blocks, 'resource "aws_security_group" "instance"': group}


def _arguments(plan: Plan) -> dict[str, Any]:
    said = {field.terraform: value for field, value in decided(plan)}
    groups = {} if plan.security_groups else {"vpc_security_group_ids": _Code("[aws_security_group.instance.id]")}
    insights = {"performance_insights_enabled": plan.performance_insights > 0, "database_insights_mode": "standard"}
    kept = {
        "copy_tags_to_snapshot": True,
        "delete_automated_backups": False,
        "skip_final_snapshot": False,
        "final_snapshot_identifier": f"{plan.identifier}-final",
    }
    return {"engine": "postgres", **said, **_LOGINS[plan.master_password], **groups, **insights, **kept}


def _outputs(plan: Plan) -> dict[str, dict[str, Any]]:
    names = {"host": "address", "port": "port", **_OUTPUTS.get(plan.master_password, {})}
    return {f'output "{name}"': {"value": _Code(f"aws_db_instance.instance.{each}")} for name, each in names.items()}


def _lines(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield arguments as `terraform fmt` would write them."""
    width = max(map(len, body))
    for name, value in body.items():
        if isinstance(value, dict):
            yield f"  {name} = {{"
            yield from (f"    {_quote(key)} = {_quote(each)}" for key, each in value.items())
            yield "  }"
        else:
            yield f"  {name:{width}} = {_quote(value)}"


def _quote(value: Any) -> str:  # noqa: ANN401 - what a plan has
    """Return a value; in a text of HCL, ${ and %{ begin a template unless their sign is doubled."""
    if isinstance(value, _Code):
        return value.text
    return re.sub(r"([$%])(?=\{)", r"\1\1", literal(value))
