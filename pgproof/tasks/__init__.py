"""The front door: what a person can ask, as Invoke tasks; a project's own tasks.py takes `ns` from here."""

from types import ModuleType

from invoke import Collection

from pgproof.tasks import (
    cache,
    call,
    dashboard,
    deploying,
    firewall,
    fresh,
    gate,
    insight,
    lifecycle,
    lint,
    mapping,
    metrics,
    parity,
    planning,
    production,
    query,
    reading,
    roles,
    schema,
    server,
    sizes,
    watching,
)


def _collect(name: str, *modules: ModuleType) -> Collection:
    collection = Collection(name)
    for module in modules:
        for each in Collection.from_module(module).tasks.values():
            collection.add_task(each)
    return collection


ns = Collection(
    _collect("db", server, schema, fresh, roles, parity, production),
    _collect("query", query, call, insight),
    _collect("gate", gate, sizes),
    _collect("cache", watching, cache),
    _collect("metrics", mapping, reading, metrics, dashboard, deploying),
    _collect("rds", planning, lifecycle, firewall),
)
ns.add_task(lint.lint)
ns.collections["gate"].default = "judge"
