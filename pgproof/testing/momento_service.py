"""Requests of Momento's protocol in, answers of a `Store` out; what is not here answers that it is not implemented."""

# ruff: noqa: N802, SLF001 - the names are the protocol's

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grpc import StatusCode  # type: ignore[import-untyped]
from momento_wire_types import cacheclient_pb2 as data_pb
from momento_wire_types import cacheclient_pb2_grpc as data_grpc
from momento_wire_types import controlclient_pb2 as control_pb
from momento_wire_types import controlclient_pb2_grpc as control_grpc

if TYPE_CHECKING:
    from grpc import Server, ServicerContext

    from pgproof.testing.momento_store import Store

_LARGEST = 5 * 1024 * 1024  # bytes of key and value
_LONGEST = 24 * 3600  # seconds


class Data(data_grpc.ScsServicer):
    """What is done with items; the cache's name comes as metadata."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def Get(self, request: data_pb._GetRequest, context: ServicerContext) -> data_pb._GetResponse:
        """Give what is kept."""
        value = self._store.get(self._cache(context), request.cache_key)
        if value is None:
            return data_pb._GetResponse(result=data_pb.Miss)
        return data_pb._GetResponse(result=data_pb.Hit, cache_body=value)

    def Set(self, request: data_pb._SetRequest, context: ServicerContext) -> data_pb._SetResponse:
        """Keep a value."""
        self._store.set(self._cache(context), request.cache_key, request.cache_body, _check(request, context))
        return data_pb._SetResponse(result=data_pb.Ok)

    def SetIfNotExists(
        self, request: data_pb._SetIfNotExistsRequest, context: ServicerContext
    ) -> data_pb._SetIfNotExistsResponse:
        """Keep a value where there is none."""
        ttl = _check(request, context)
        added = self._store.add(self._cache(context), request.cache_key, request.cache_body, ttl)
        answer = data_pb._SetIfNotExistsResponse
        return answer(stored=answer._Stored()) if added else answer(not_stored=answer._NotStored())

    def Delete(self, request: data_pb._DeleteRequest, context: ServicerContext) -> data_pb._DeleteResponse:
        """Forget a value."""
        self._store.remove(self._cache(context), request.cache_key)
        return data_pb._DeleteResponse()

    def Increment(self, request: data_pb._IncrementRequest, context: ServicerContext) -> data_pb._IncrementResponse:
        """Add to a number."""
        cache, ttl = self._cache(context), _check(request, context)
        try:
            number = self._store.increment(cache, request.cache_key, request.amount, ttl)
        except ValueError:
            context.abort(StatusCode.FAILED_PRECONDITION, "the value is not a number")
        return data_pb._IncrementResponse(value=number)

    def _cache(self, context: ServicerContext) -> str:
        return _existing(self._store, dict(context.invocation_metadata()).get("cache", ""), context)


class Control(control_grpc.ScsControlServicer):
    """What is done with caches."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def CreateCache(
        self, request: control_pb._CreateCacheRequest, context: ServicerContext
    ) -> control_pb._CreateCacheResponse:
        """Add a cache."""
        if not self._store.create(request.cache_name):
            context.abort(StatusCode.ALREADY_EXISTS, "Cache already exists")
        return control_pb._CreateCacheResponse()

    def DeleteCache(
        self, request: control_pb._DeleteCacheRequest, context: ServicerContext
    ) -> control_pb._DeleteCacheResponse:
        """Remove a cache."""
        self._store.drop(_existing(self._store, request.cache_name, context))
        return control_pb._DeleteCacheResponse()

    def FlushCache(
        self, request: control_pb._FlushCacheRequest, context: ServicerContext
    ) -> control_pb._FlushCacheResponse:
        """Empty a cache."""
        self._store.remove(_existing(self._store, request.cache_name, context))
        return control_pb._FlushCacheResponse()

    def ListCaches(self, _: control_pb._ListCachesRequest, __: ServicerContext) -> control_pb._ListCachesResponse:
        """Name all caches, on one page."""
        return control_pb._ListCachesResponse(
            cache=[control_pb._Cache(cache_name=name) for name in self._store.names()]
        )


RPCS = frozenset(name for each in (Data, Control) for name in vars(each) if name[0].isupper())
"""Names of all that is served."""


def add_services(store: Store, server: Server) -> None:
    """Have a server serve a store."""
    data_grpc.add_ScsServicer_to_server(Data(store), server)  # type: ignore[no-untyped-call]
    control_grpc.add_ScsControlServicer_to_server(Control(store), server)  # type: ignore[no-untyped-call]


def _existing(store: Store, cache: str, context: ServicerContext) -> str:
    if cache not in store.names():
        context.abort(StatusCode.NOT_FOUND, f"Cache not found: {cache}")
    return cache


def _check(request: Any, context: ServicerContext) -> float:  # noqa: ANN401 - whatever request keeps something
    """Return how many seconds something is to be kept, if that and its size are within Momento's limits."""
    if len(request.cache_key) + len(getattr(request, "cache_body", b"")) > _LARGEST:
        context.set_trailing_metadata([("err", "item_size_limit_exceeded")])
        context.abort(StatusCode.RESOURCE_EXHAUSTED, "Item size limit exceeded")
    if request.ttl_milliseconds > _LONGEST * 1000:
        context.abort(StatusCode.INVALID_ARGUMENT, "TTL is longer than 24 hours")
    return float(request.ttl_milliseconds / 1000)
