"""Settings in, clients of AWS out: the door to boto3, with patience for what passes and words for what does not.

A request is tried again after throttling, an error of the server's or of the network, at growing intervals with jitter.
boto3's own retries are off: there is one place that waits.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar
from urllib.parse import urlsplit

from pgproof.errors import CloudError, SettingsError
from pgproof.markup import visible

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_secretsmanager import SecretsManagerClient

    from pgproof.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")

ATTEMPTS = 10
"""How often a request is tried: about a minute and a half."""

_PASSING = {
    "InternalFailure",
    "InternalServerError",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottledException",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
}
_SERVER_ERROR = 500
_LONGEST = 200  # characters of what AWS, or a proxy before it, has to say
_MAY_NOT = "the credentials that are used may not do that"
_EXPIRED = "get new credentials: `aws sso login`, or whatever gave you these"
_HINTS = {
    "AccessDenied": _MAY_NOT,
    "AccessDeniedException": _MAY_NOT,
    "AuthFailure": "are the credentials those of this account?",
    "DBInstanceAlreadyExists": "another instance has the name",
    "DBSnapshotAlreadyExists": "take another name, or delete that one",
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "InstanceQuotaExceeded": "delete an instance, or ask AWS for more: Service Quotas, Amazon RDS",
    "InsufficientDBInstanceCapacity": "AWS has no more of this class in this zone: plan another zone or class",
    "InvalidDBInstanceState": "`inv rds.status` says what it does: most has to wait until it is available",
    "InvalidClientTokenId": "are the credentials those of this account?",
    "RequestExpired": _EXPIRED,
    "ResourceNotFoundException": "is it the right region, and the right account?",
    "RulesPerSecurityGroupLimitExceeded": "`inv rds.rules` shows which there are; `inv rds.deny` removes what expired",
    "SnapshotQuotaExceeded": "delete snapshots that are not needed, or ask AWS for more: Service Quotas, Amazon RDS",
    "StorageQuotaExceeded": "plan less `storage`, or ask AWS for more: Service Quotas, Amazon RDS",
    "UnauthorizedOperation": _MAY_NOT,
    "UnrecognizedClientException": "are the credentials those of this account?",
}
_NO_RETRIES = {"total_max_attempts": 1, "mode": "standard"}

logging.getLogger("stamina").addHandler(logging.NullHandler())  # what it logs, `notify` is told


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How to ask AWS.

    Attributes:
        attempts: how often a request is tried; None: for ever.
        notify: is told, in a line, what is tried again.
    """

    attempts: int | None = ATTEMPTS
    notify: Callable[[str], None] = field(default=lambda _: None)

    def ask(self, operation: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Make a request, patiently.

        Args:
            operation: a method of a client.
            args: none; boto3 takes names only.
            kwargs: its arguments.

        Raises:
            CloudError: AWS refused, was not reached, or was busy for too long.
        """
        import stamina

        try:
            for attempt in stamina.retry_context(
                on=self._is_worth_another, attempts=self.attempts, timeout=None, wait_max=20.0
            ):
                with attempt:
                    return operation(*args, **kwargs)
        except Exception as error:
            raise explain(error) from error
        raise AssertionError  # a context either returns or raises

    def _is_worth_another(self, error: Exception) -> bool:
        passes = is_transient(error)
        if passes:
            self.notify(str(explain(error)).partition("\n")[0])
        return passes


def open_client(
    settings: Settings, service: str, *, region: str = "", connect_timeout: float = 5, read_timeout: float = 60
) -> Any:  # noqa: ANN401 - of that service
    """Open a client, by the credentials that boto3 finds.

    Args:
        settings: say whether this is about production.
        service: boto3's name of it: `dynamodb`.
        region: the one that boto3 finds where it is empty.
        connect_timeout: seconds.
        read_timeout: seconds.

    Raises:
        SettingsError: boto3 is not installed; or the target is prod, and requests would not go to AWS.
        CloudError: no region.
    """
    try:
        import boto3
        import stamina  # noqa: F401 - who asks needs it: now is the time to say that it is missing
        from botocore.config import Config
    except ImportError as error:
        raise SettingsError(f"{error.name} is not installed", hint="pip install 'pgproof[aws]'") from error
    timeouts = {"connect_timeout": connect_timeout, "read_timeout": read_timeout}
    config = Config(retries=_NO_RETRIES, max_pool_connections=32, **timeouts)  # type: ignore[arg-type]
    try:
        client = boto3.client(service, region_name=region or None, config=config)  # type: ignore[call-overload]
    except Exception as error:
        raise explain(error) from error
    if settings.target == "prod":
        refuse_elsewhere(client.meta.endpoint_url)
    return client


def fetch_secret(settings: Settings) -> str:
    """Return the text of the secret that settings name.

    Raises:
        SettingsError: as `open_client`.
        CloudError: AWS refused, or was not reached; or the secret is no text.
    """
    client: SecretsManagerClient = open_client(settings, "secretsmanager", connect_timeout=3, read_timeout=5)
    import stamina

    try:
        for attempt in stamina.retry_context(on=is_transient, attempts=3, timeout=None):
            with attempt:
                said = client.get_secret_value(SecretId=settings.secret)
    except Exception as error:
        raise explain(error) from error
    if "SecretString" not in said:
        raise CloudError(f"the secret {settings.secret} is binary", hint="it has to be text: JSON, as RDS writes it")
    return said["SecretString"]


def refuse_elsewhere(endpoint: str) -> None:
    """Refuse to bring to production what is not from AWS: AWS_ENDPOINT_URL* lead to a double on a desk.

    Raises:
        SettingsError: requests would not go to AWS.
    """
    host = urlsplit(endpoint).hostname or ""
    if not host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws")):
        raise SettingsError(
            f"target prod, and requests to AWS would go to {host}",
            hint="unset AWS_ENDPOINT_URL, each AWS_ENDPOINT_URL_…, and `endpoint_url` in ~/.aws/config",
        )


def is_transient(error: BaseException) -> bool:
    """Whether a request may do better in a moment."""
    from botocore import exceptions
    from botocore.parsers import ResponseParserError

    if isinstance(error, exceptions.ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return _code(error) in _PASSING or status >= _SERVER_ERROR
    network = (exceptions.HTTPClientError, exceptions.ConnectionError, exceptions.IncompleteReadError)
    return isinstance(error, (*network, ResponseParserError))


def explain(error: Exception) -> CloudError:
    """Return an error of boto3's for people."""
    from botocore import exceptions

    if isinstance(error, CloudError):
        return error
    if isinstance(error, exceptions.ClientError):
        code, said = _code(error), " ".join(str(error.response.get("Error", {}).get("Message", "")).split())[:_LONGEST]
        what = visible(f"AWS refused {error.operation_name}: {code}{f': {said}' if said else ''}")
        return CloudError(what, hint=_HINTS.get(code, ""), code=code)
    if isinstance(error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError):
        return CloudError(
            "no AWS credentials", hint="`aws configure`, AWS_PROFILE, or AWS_ACCESS_KEY_ID and its secret"
        )
    if isinstance(error, exceptions.NoRegionError):
        return CloudError(
            "no AWS region", hint="export AWS_DEFAULT_REGION=ca-central-1; boto3 does not read AWS_REGION"
        )
    if is_transient(error):
        return CloudError(visible(" ".join(f"AWS was not reached: {error}".split())[:_LONGEST]))  # it may hold a body
    if isinstance(error, exceptions.BotoCoreError):  # mostly of credentials that have to be fetched
        what = " ".join(f"AWS was not asked: {error}".split())
        return CloudError(what, hint="are profile and credentials right? `aws sso login`, or whatever gave you these")
    raise error


def _code(error: Any) -> str:  # noqa: ANN401 - boto3 is not imported for a type
    return str(error.response.get("Error", {}).get("Code", ""))
