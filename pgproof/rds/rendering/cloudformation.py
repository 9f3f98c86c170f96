"""A plan in, the CloudFormation template of its instance out, as YAML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgproof.rds.fields import decided, make_tags
from pgproof.rds.rendering.literal import literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pgproof.rds.fields import Field
    from pgproof.rds.plan import Plan

_HEAD = """\
# {identifier} as pyproject.toml plans it. It is for who keeps all of an account in CloudFormation:
#   inv rds.template > rds.yaml
#   aws cloudformation deploy --stack-name {identifier} --template-file rds.yaml{region}
# Deleted, the stack leaves a snapshot. `inv rds.ensure` makes the same without a stack: use one of the two.
"""
_ASKED = """\
# MasterUserPassword is asked for by the console; on a command line everybody on the machine could read it.
"""
_TEXTS = ("storage", "port")  # numbers that CloudFormation takes as texts
_PASSWORD = {
    "Type": "String",
    "NoEcho": True,
    "MinLength": 8,
    "MaxLength": 128,
    "AllowedPattern": "[!#-.0-?A-~]+",
    "Description": '8 to 128 letters, digits and signs of ASCII, without / " @ and blanks',
}
_SECRET = {"Value": {"Fn::GetAtt": ["Instance", "MasterUserSecret.SecretArn"]}}
_LOGINS: dict[str, dict[str, Any]] = {
    "managed": {"ManageMasterUserPassword": True},
    "environment": {"MasterUserPassword": {"Ref": "MasterUserPassword"}},
    "iam": {"MasterUserAuthenticationType": "iam-db-auth"},
}
_PARAMETERS: dict[str, dict[str, Any]] = {"environment": {"MasterUserPassword": _PASSWORD}}
_OUTPUTS: dict[str, dict[str, Any]] = {"managed": {"Secret": _SECRET}}


def render_cloudformation(plan: Plan) -> str:
    """Return the template; where the plan names no security group, it has one that lets nobody in."""
    resources: dict[str, Any] = {} if plan.security_groups else {"SecurityGroup": _group(plan)}
    resources["Instance"] = {
        "Type": "AWS::RDS::DBInstance",
        "DeletionPolicy": "Snapshot",
        "UpdateReplacePolicy": "Snapshot",
        "Properties": _properties(plan),
    }
    parameters = _parameters(plan)
    template = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"The RDS instance {plan.identifier} (pgproof)",
        **({"Parameters": parameters} if parameters else {}),
        "Resources": resources,
        "Outputs": _outputs(plan),
    }
    head = _HEAD + (_ASKED if "MasterUserPassword" in parameters else "")
    region = f" --region {plan.region}" if plan.region else ""
    return head.format(identifier=plan.identifier, region=region) + "\n".join(_lines(template)) + "\n"


def _parameters(plan: Plan) -> dict[str, Any]:
    vpc = {"Type": "AWS::EC2::VPC::Id", "Description": f"The VPC of the subnet group {plan.subnet_group}"}
    return {**({"Vpc": vpc} if _has_own_vpc(plan) else {}), **_PARAMETERS.get(plan.master_password, {})}


def _has_own_vpc(plan: Plan) -> bool:
    return bool(plan.subnet_group) and not plan.security_groups


def _group(plan: Plan) -> dict[str, Any]:
    properties: dict[str, Any] = {"GroupDescription": f"who may reach the RDS instance {plan.identifier}"}
    if _has_own_vpc(plan):
        properties["VpcId"] = {"Ref": "Vpc"}
    return {"Type": "AWS::EC2::SecurityGroup", "Properties": properties}


def _properties(plan: Plan) -> dict[str, Any]:
    said = {(field.cloudformation or field.aws): _value(field, value) for field, value in decided(plan)}
    groups = {} if plan.security_groups else {"VPCSecurityGroups": [{"Fn::GetAtt": ["SecurityGroup", "GroupId"]}]}
    insights = {"EnablePerformanceInsights": plan.performance_insights > 0, "DatabaseInsightsMode": "standard"}
    kept = {"CopyTagsToSnapshot": True, "DeleteAutomatedBackups": False}
    return {"Engine": "postgres", **said, **_LOGINS[plan.master_password], **groups, **insights, **kept}


def _value(field: Field, value: Any) -> Any:  # noqa: ANN401 - as the plan has it
    if field.name == "tags":
        return make_tags(value)
    return str(value) if field.name in _TEXTS else value


def _outputs(plan: Plan) -> dict[str, Any]:
    host, port = ({"Value": {"Fn::GetAtt": ["Instance", f"Endpoint.{each}"]}} for each in ("Address", "Port"))
    return {"Host": host, "Port": port, **_OUTPUTS.get(plan.master_password, {})}


def _lines(value: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """Yield a mapping's lines; keys are words of CloudFormation's, which YAML takes as they are."""
    for key, each in value.items():
        match each:
            case dict():
                yield f"{indent}{key}:"
                yield from _lines(each, indent + "  ")
            case list() if each and isinstance(each[0], dict):
                yield f"{indent}{key}:"
                for item in each:
                    first, *rest = _lines(item, indent + "    ")
                    yield f"{indent}  - {first.lstrip()}"
                    yield from rest
            case _:
                yield f"{indent}{key}: {literal(each)}"
