"""The credentials that are used in, the name of who has them out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pgproof.errors import CloudError
from pgproof.rds.firewall.label import check_name

if TYPE_CHECKING:
    from pgproof.rds.cloud import Cloud

# What programs call a session that nobody gave a name: another one each time, or everybody's.
_NOBODY = re.compile(r"(botocore-session|aws-cli-session|AWSCLI-Session|aws-sdk-[a-z]+)(-\d+)?")


def ask_name(cloud: Cloud) -> str:
    """Return what the credentials' ARN ends in: user/andrew; of a role that is assumed, the name of the session.

    Raises:
        CloudError: AWS refused, or was not reached; or a role's session has no name.
        SettingsError: the name cannot stand in a rule.
    """
    tail = cloud.ask(cloud.sts.get_caller_identity)["Arn"].split(":", 5)[-1]
    kind, _, rest = tail.partition("/")
    if kind != "assumed-role":
        return check_name(tail)
    session = rest.partition("/")[2]
    if _NOBODY.fullmatch(session):
        raise CloudError(
            f"the session {session} is nobody's name: the next one could not find its rule again",
            hint="--name=andrew, or role_session_name in ~/.aws/config",
        )
    return check_name(session)
