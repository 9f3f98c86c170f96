"""Results kept in Momento: one cache for all processes, which keeps nothing for longer than a day.

gRPC asks the proxy that `https_proxy` names, unless `no_proxy` has the endpoint: as the SDK does, so we do.
"""

from __future__ import annotations

import os
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pgproof.cache.backends.backend import LONGEST, BackendError
from pgproof.cache.backends.clients import by_loop, by_process
from pgproof.errors import SettingsError

if TYPE_CHECKING:
    from momento import CacheClient, CacheClientAsync, CredentialProvider
    from momento.config import Configuration

_VARIABLES = ("MOMENTO_API_KEY", "MOMENTO_ENDPOINT")
_GONE, _LIMITED = "SERVER_UNAVAILABLE", "LIMIT_EXCEEDED_ERROR"
_PATIENCE = 5.0  # seconds with a client that finds nobody; gRPC's own grows, until it tries every two minutes only
_DEFAULT_TTL = timedelta(seconds=60)  # the SDK wants one; we always say how long


class Momento:
    """A cache of an account at Momento, which has to be there: `momento cache create cruddur`."""

    holds_tokens = True
    is_shared = True
    largest = 1_000_000  # Momento takes five times that, but not in the time that a request has

    def __init__(
        self,
        cache: str,
        *,
        credentials: CredentialProvider | None = None,
        configuration: Configuration | None = None,
        timeout: float = 0.05,
    ) -> None:
        """Read the credentials; nothing is connected before the first call.

        Args:
            cache: its name.
            credentials: by default those of MOMENTO_API_KEY and MOMENTO_ENDPOINT.
            configuration: how to connect; its retries and its deadline are replaced by one attempt within `timeout`.
            timeout: seconds that a call takes at most.

        Raises:
            SettingsError: the credentials are missing or none, there is no name, or the SDK is not installed.
        """
        if not cache:
            raise SettingsError("a cache of Momento has a name")
        self.name = f"momento/{cache}"
        self.timeout = timeout
        self._cache = cache
        self._credentials = _check(credentials or _read_credentials())
        self._configuration = _configure(configuration, timeout)
        self._clients = by_process(self._make_client)
        self._async_clients = by_loop(self._make_async_client)

    def get(self, key: str) -> bytes | None:
        """See `Backend`."""
        return _value(self._ask("get", key))

    def set(self, key: str, value: bytes, ttl: float) -> None:
        """See `Backend`."""
        self._ask("set", key, value, _ttl(ttl))

    def add(self, key: str, value: bytes, ttl: float) -> bool:
        """See `Backend`."""
        return _is_stored(self._ask("set_if_not_exists", key, value, _ttl(ttl)))

    def close(self) -> None:
        """See `Backend`."""
        self._close(min_age=0)

    async def aget(self, key: str) -> bytes | None:
        """See `Backend`."""
        return _value(await self._ask_async("get", key))

    async def aset(self, key: str, value: bytes, ttl: float) -> None:
        """See `Backend`."""
        await self._ask_async("set", key, value, _ttl(ttl))

    async def aadd(self, key: str, value: bytes, ttl: float) -> bool:
        """See `Backend`."""
        return _is_stored(await self._ask_async("set_if_not_exists", key, value, _ttl(ttl)))

    async def aclose(self) -> None:
        """See `Backend`."""
        await self._aclose(min_age=0)

    def _ask(self, method: str, *given: object) -> Any:  # noqa: ANN401
        response = getattr(self._clients.own(), method)(self._cache, *given)
        if _code(response) == _GONE:
            self._close(_PATIENCE)
        return _accept(response)

    async def _ask_async(self, method: str, *given: object) -> Any:  # noqa: ANN401
        response = await getattr(self._async_clients.own(), method)(self._cache, *given)
        if _code(response) == _GONE:
            await self._aclose(_PATIENCE)
        return _accept(response)

    def _close(self, min_age: float) -> None:
        if client := self._clients.drop(min_age):
            client.__exit__(None, None, None)

    async def _aclose(self, min_age: float) -> None:
        if client := self._async_clients.drop(min_age):
            await client.__aexit__(None, None, None)

    def _make_client(self) -> CacheClient:
        from momento import CacheClient

        return CacheClient(self._configuration, self._credentials, _DEFAULT_TTL)

    def _make_async_client(self) -> CacheClientAsync:
        from momento import CacheClientAsync

        return CacheClientAsync(self._configuration, self._credentials, _DEFAULT_TTL)


def _ttl(seconds: float) -> timedelta:
    """Return what the SDK makes at least 1 ms of: it cuts off the rest, and 0 ms would be kept for no time at all."""
    return timedelta(milliseconds=max(1, round(min(seconds, LONGEST) * 1000)))


def _accept(response: Any) -> Any:  # noqa: ANN401
    """Return a response that is no error; the SDK raises nothing, so that one is easily passed over."""
    if code := _code(response):
        raise BackendError(code, is_limited=code == _LIMITED)
    return response


def _code(response: Any) -> str:  # noqa: ANN401
    code = getattr(response, "error_code", None)
    return code.name if code else ""


def _value(response: Any) -> bytes | None:  # noqa: ANN401
    value: bytes | None = getattr(response, "value_bytes", None)  # which a miss has not
    return value


def _is_stored(response: Any) -> bool:  # noqa: ANN401
    return type(response).__name__ == "Stored"


def _read_credentials() -> CredentialProvider:
    try:
        from momento import CredentialProvider
        from momento.errors import SdkException
    except ImportError:
        raise SettingsError("Momento's SDK is not installed", hint="pip install 'pgproof[momento]'") from None
    if missing := [name for name in _VARIABLES if not os.environ.get(name)]:
        raise SettingsError(
            f"Momento's credentials are missing: {' and '.join(missing)} not set",
            hint="the console of Momento shows both for an API key; or give credentials=",
        )
    try:
        return CredentialProvider.from_environment_variables_v2()
    except SdkException:
        raise SettingsError(
            "MOMENTO_API_KEY is no API key of version 2",
            hint="make one in Momento's console; for an older one give credentials=CredentialProvider.from_string(…)",
        ) from None


def _check(credentials: CredentialProvider) -> CredentialProvider:
    if not re.fullmatch(r"[!-~]*", credentials.auth_token):  # an asynchronous call of gRPC's would never end
        raise SettingsError(
            "the API key of Momento has a character that is none of a key's",
            hint="is there a space or a line break at its end?",
        )
    return credentials


def _configure(given: Configuration | None, timeout: float) -> Configuration:
    """Have a call made once and within the time; the SDK's own way to say so forgets how to keep connections alive."""
    from momento.config import Configurations
    from momento.config.transport.transport_strategy import StaticGrpcConfiguration, StaticTransportStrategy
    from momento.retry import FixedCountRetryStrategy

    configuration = given or Configurations.InRegion.LowLatency.v1()
    transport = configuration.get_transport_strategy().get_grpc_configuration()
    permit = transport.get_keepalive_permit_without_calls()
    limited = StaticGrpcConfiguration(
        timedelta(seconds=timeout),
        root_certificates_pem=transport.get_root_certificates_pem(),
        max_send_message_length=transport.get_max_send_message_length(),
        max_receive_message_length=transport.get_max_receive_message_length(),
        keepalive_permit_without_calls=None if permit is None else bool(permit),
        keepalive_time=transport.get_keepalive_time(),
        keepalive_timeout=transport.get_keepalive_timeout(),
    )
    retries = FixedCountRetryStrategy(max_attempts=0)
    return configuration.with_transport_strategy(StaticTransportStrategy(limited)).with_retry_strategy(retries)
