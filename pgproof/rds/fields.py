"""The words of a plan, as AWS' interface, CloudFormation and Terraform say them, and what changing one takes. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from types_boto3_rds.type_defs import TagTypeDef

    from pgproof.rds.plan import Plan

Change = Literal["at once", "with a restart", "never"]


@dataclass(frozen=True)
class Field:
    """A word of a plan.

    Attributes:
        name: in the plan.
        aws: of the argument of CreateDBInstance.
        terraform: of the argument of aws_db_instance.
        change: how an instance takes another value; never: only a new instance has it.
        cloudformation: of the property of AWS::RDS::DBInstance, where it has another name.
        modify: of the argument of ModifyDBInstance, where it has another name.
    """

    name: str
    aws: str
    terraform: str
    change: Change = "at once"
    cloudformation: str = ""
    modify: str = ""


FIELDS = (
    Field("identifier", "DBInstanceIdentifier", "identifier", "never"),
    Field("instance_class", "DBInstanceClass", "instance_class", "with a restart"),
    Field("engine_version", "EngineVersion", "engine_version", "with a restart"),
    Field("database", "DBName", "db_name", "never"),
    Field("port", "Port", "port", "with a restart", modify="DBPortNumber"),
    Field("username", "MasterUsername", "username", "never"),
    Field("storage", "AllocatedStorage", "allocated_storage"),
    Field("storage_max", "MaxAllocatedStorage", "max_allocated_storage"),
    Field("storage_type", "StorageType", "storage_type"),
    Field("encrypted", "StorageEncrypted", "storage_encrypted", "never"),
    Field("kms_key", "KmsKeyId", "kms_key_id", "never"),
    Field("availability_zone", "AvailabilityZone", "availability_zone", "never"),
    Field("multi_az", "MultiAZ", "multi_az"),
    Field("publicly_accessible", "PubliclyAccessible", "publicly_accessible"),
    Field("subnet_group", "DBSubnetGroupName", "db_subnet_group_name", "never"),
    Field("security_groups", "VpcSecurityGroupIds", "vpc_security_group_ids", cloudformation="VPCSecurityGroups"),
    Field("parameter_group", "DBParameterGroupName", "parameter_group_name", "with a restart"),
    Field("backup_retention", "BackupRetentionPeriod", "backup_retention_period"),
    Field("backup_window", "PreferredBackupWindow", "backup_window"),
    Field("maintenance_window", "PreferredMaintenanceWindow", "maintenance_window"),
    Field("deletion_protection", "DeletionProtection", "deletion_protection"),
    Field("performance_insights", "PerformanceInsightsRetentionPeriod", "performance_insights_retention_period"),
    Field("ca_certificate", "CACertificateIdentifier", "ca_cert_identifier", "with a restart"),
    Field("minor_upgrades", "AutoMinorVersionUpgrade", "auto_minor_version_upgrade"),
    Field("extended_support", "EngineLifecycleSupport", "engine_lifecycle_support"),
    Field("iam", "EnableIAMDatabaseAuthentication", "iam_database_authentication_enabled"),
    Field("tags", "Tags", "tags"),
)
"""All that stands for a value of AWS'; `master_password` is said by each of the three in its own way."""

LIFECYCLES = {True: "open-source-rds-extended-support", False: "open-source-rds-extended-support-disabled"}
_OFF_AT_0 = ("storage_max", "performance_insights")  # there is nothing then that AWS could be told


def said(plan: Plan) -> Iterator[tuple[Field, Any]]:
    """Yield the fields that a plan says something of, each with the plan's value; what is empty is left to AWS."""
    for each in FIELDS:
        if (value := getattr(plan, each.name)) not in ("", (), {}):
            yield each, value


def decided(plan: Plan) -> Iterator[tuple[Field, Any]]:
    """Yield the fields that AWS is told, each with AWS' value."""
    for each, value in said(plan):
        if value != 0 or each.name not in _OFF_AT_0:
            yield each, LIFECYCLES[value] if each.name == "extended_support" else value


def make_tags(tags: Mapping[str, str]) -> list[TagTypeDef]:
    """Return tags as AWS takes them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]
