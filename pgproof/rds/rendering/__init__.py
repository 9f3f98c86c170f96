"""A plan in, the same instance as CloudFormation and as Terraform out."""

from pgproof.rds.rendering.cloudformation import render_cloudformation
from pgproof.rds.rendering.terraform import render_terraform

__all__ = ["render_cloudformation", "render_terraform"]
