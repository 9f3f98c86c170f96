"""A Momento of a test's own: caches in, a gRPC server on 127.0.0.1 out, which the unmodified SDK talks to."""

from __future__ import annotations

import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import grpc  # type: ignore[import-untyped]
from momento import CredentialProvider
from momento.config import Configuration
from momento.config.transport.transport_strategy import StaticGrpcConfiguration, StaticTransportStrategy
from momento.retry import FixedCountRetryStrategy

from pgproof.testing.momento_faults import Faults, Held, delay, garble, lose_reply, refuse, swallow
from pgproof.testing.momento_headers import Headers
from pgproof.testing.momento_service import add_services
from pgproof.testing.momento_store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Self

_HOST = "127.0.0.1"
_TLS = 443  # the port for which the SDK encrypts; where it really is, is then said with the host
_NO_PROXY = "no_grpc_proxy"
_DEADLINE = timedelta(seconds=1)
_THREADS = 256  # each call that waits has one
_OPTIONS = [
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.http2.min_ping_interval_without_data_ms", 1000),  # the SDK asks every 5 s whether we are alive
]


class ReceivedCall(NamedTuple):
    """A call as it came in.

    Attributes:
        method: name of the RPC.
        cache: that it is for.
        key: in that cache; empty where the whole cache is meant.
    """

    method: str
    cache: str
    key: str


class MomentoServer:
    """Momento on loopback, with faults that a test plans; `with` or `close()` ends it, and its threads.

        def test_the_page_is_served_while_momento_is_down():
            with MomentoServer(caches=["shop"]) as server:
                cache = Cache(Momento("shop", credentials=server.credentials, configuration=server.configuration))
                with Database(url, cache=cache) as db:
                    server.fail("Get", "UNAVAILABLE", times=None)
                    assert db.products.top() == …

    It serves Get, Set, SetIfNotExists, Delete, Increment, CreateCache, DeleteCache, FlushCache and ListCaches; any
    other call answers that it is not implemented. Names of RPCs are written like these. Times to live go by a clock
    that only `advance` moves. Faults befall calls in the order of planning; those with `times=None` befall the calls
    that no counted fault does, the latest of them first, until `heal`. A client may also ask for faults itself, by the
    metadata that Momento Local understands.

    Attributes:
        credentials: for the SDK's clients.
        configuration: for the SDK's clients: no retries, calls are given up after a second, and with TLS this server's
            certificate is trusted.
    """

    def __init__(self, caches: Sequence[str] = ("cruddur",), *, tls: bool = False) -> None:
        """Serve on a free port from now on.

        Args:
            caches: names of those that there are.
            tls: encrypt, with a certificate of this server's own.
        """
        self._store = Store(caches)
        self._faults = Faults()
        self._headers = Headers()
        self._holds: list[Held] = []
        self._calls: list[ReceivedCall] = []
        self._key = secrets.token_urlsafe(24)
        self._threads = ThreadPoolExecutor(_THREADS, "momento server")
        self._server = grpc.server(self._threads, interceptors=[_Door(self._receive)], options=_OPTIONS)
        add_services(self._store, self._server)
        own, root = _make_certificate() if tls else (None, None)
        port = self._server.add_secure_port(f"{_HOST}:0", own) if own else self._server.add_insecure_port(f"{_HOST}:0")
        host = f"{_HOST}:{port}" if tls else _HOST
        self.credentials = CredentialProvider(self._key, host, host, host, _TLS if tls else port)
        transport = StaticTransportStrategy(StaticGrpcConfiguration(_DEADLINE, root_certificates_pem=root))
        self.configuration = Configuration(transport, FixedCountRetryStrategy(max_attempts=0))
        _pass_proxies_by()
        self._server.start()

    def close(self) -> None:
        """Break off all calls, and end."""
        self.heal()
        self._server.stop(None).wait()
        self._threads.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fail(self, method: str, status: str, *, times: int | None = 1) -> None:
        """Answer the next calls with a gRPC status such as UNAVAILABLE or RESOURCE_EXHAUSTED; nothing is applied."""
        if status not in grpc.StatusCode.__members__:
            raise ValueError(f"gRPC knows no status {status!r}")
        self._faults.plan(method, refuse(grpc.StatusCode[status]), times)

    def delay(self, method: str, seconds: float, *, times: int | None = 1) -> None:
        """Apply the next calls at once, but answer them only after so many seconds of real time."""
        self._faults.plan(method, delay(seconds), times)

    def lose_reply(self, method: str, *, times: int | None = 1) -> None:
        """Apply the next calls, but answer UNAVAILABLE."""
        self._faults.plan(method, lose_reply, times)

    def blackhole(self, method: str, *, times: int | None = 1) -> None:
        """Neither apply nor answer the next calls: clients wait until their own deadline."""
        self._faults.plan(method, swallow, times)

    def garble(self, method: str = "Get", *, times: int | None = 1) -> None:
        """Answer the next calls with a changed value, if they hit."""
        self._faults.plan(method, garble, times)

    @contextmanager
    def hold(self, method: str) -> Iterator[Held]:
        """Let calls wait before they are applied, until the end of the block, or until they are released there."""
        held = Held()
        self._faults.plan(method, held, None)
        self._holds.append(held)
        try:
            yield held
        finally:
            self._faults.forget(held)
            self._holds.remove(held)
            held.release()

    def heal(self) -> None:
        """Plan no faults any more, and release all that is held."""
        self._faults.forget()
        for held in self._holds:
            held.release()

    def evict(self, cache: str, key: str | None = None) -> None:
        """Forget a key, or all of a cache, as Momento may at any time; LookupError without such a cache."""
        self._store.remove(cache, None if key is None else key.encode())

    def advance(self, seconds: float) -> None:
        """Move the clock that times to live go by."""
        self._store.advance(seconds)

    @property
    def calls(self) -> list[ReceivedCall]:
        """All calls so far, also those that were refused."""
        return list(self._calls)

    def items(self, cache: str) -> dict[str, bytes]:
        """Return what is alive in a cache; LookupError without such a cache."""
        return {key.decode(errors="backslashreplace"): value for key, value in self._store.items(cache).items()}

    def _receive(self, method: str, answer: Callable[[], Any], request: Any, context: Any) -> Any:  # noqa: ANN401
        """Take note of a call, and answer it unless something befalls it."""
        key = getattr(request, "cache_key", b"").decode(errors="backslashreplace")
        metadata = dict(context.invocation_metadata())
        cache = metadata.get("cache", getattr(request, "cache_name", ""))
        self._calls.append(ReceivedCall(method, cache, key))
        if metadata.get("authorization") != self._key:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "Invalid authentication credentials")
        fault = self._headers.take(method, metadata) or self._faults.take(method)
        return fault(answer, context) if fault else answer()


class _Door(grpc.ServerInterceptor):  # type: ignore[misc]
    """Where all calls come in."""

    def __init__(self, receive: Callable[[str, Callable[[], Any], Any, Any], Any]) -> None:
        self._receive = receive

    def intercept_service(self, continuation: Callable[[Any], Any], details: Any) -> Any:  # noqa: ANN401
        handler = continuation(details)
        if handler is None or handler.unary_unary is None:
            return handler
        _, _, method = details.method.rpartition("/")

        def serve(request: Any, context: Any) -> Any:  # noqa: ANN401
            return self._receive(method, partial(handler.unary_unary, request, context), request, context)

        return grpc.unary_unary_rpc_method_handler(serve, handler.request_deserializer, handler.response_serializer)


def _make_certificate() -> tuple[grpc.ServerCredentials, bytes]:
    """Return what the server shows, and the root that a client has to trust."""
    import trustme

    authority = trustme.CA()
    own = authority.issue_cert(_HOST, "localhost")
    chain = b"".join(each.bytes() for each in own.cert_chain_pems)
    return grpc.ssl_server_credentials([(own.private_key_pem.bytes(), chain)]), authority.cert_pem.bytes()


def _pass_proxies_by() -> None:
    """Have gRPC look for us here, and not behind a proxy; it would ask one for 127.0.0.1 too."""
    if any(os.environ.get(name) for name in ("grpc_proxy", "https_proxy", "http_proxy")):
        others = os.environ.get(_NO_PROXY) or os.environ.get("no_proxy")
        os.environ[_NO_PROXY] = f"{others},{_HOST}" if others else _HOST
