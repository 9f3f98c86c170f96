"""What a cache counts: for an application that asks for it, and for one that exports it by OpenTelemetry."""

import subprocess
import sys
from threading import Thread
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricsData

from pgproof.cache import Cache, Counters
from pgproof.cache.telemetry import export
from pgproof.errors import SettingsError


def read(reader: InMemoryMetricReader) -> dict[str, Any]:
    """Return what is collected: by the name of an instrument, its unit and its points."""
    data = reader.get_metrics_data()
    assert isinstance(data, MetricsData)
    metrics = [each for resource in data.resource_metrics for scope in resource.scope_metrics for each in scope.metrics]
    return {
        each.name: (each.unit, [(dict(point.attributes or {}), point.value) for point in each.data.data_points])  # type: ignore[union-attr]
        for each in metrics
    }


def test_what_is_counted_can_be_written_as_json():
    counters = Counters()
    counters.count("users.show", "hit", 3)
    counters.count("users.show", "miss")
    counters.fail("TIMEOUT_ERROR")

    assert counters.describe() == {
        "events": {"users.show": {"hit": 3, "miss": 1}},
        "failures": {"TIMEOUT_ERROR": 1},
    }


def test_no_count_of_several_threads_is_lost():
    counters = Counters()

    def count():
        for _ in range(5000):
            counters.count("users.show", "hit")

    threads = [Thread(target=count) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert counters.events == {("users.show", "hit"): 20_000}


def test_a_collector_reads_events_failures_and_the_breaker_as_they_are_then():
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    cache = Cache()
    export(cache, provider.get_meter("shop"))
    cache.counters.count("users.show", "hit", 2)
    cache.counters.fail("TIMEOUT_ERROR")
    cache.breaker.failed(limited=True)

    collected = read(reader)
    provider.shutdown()

    of = {"pgproof.cache.backend": "memory"}
    assert collected == {
        "pgproof.cache.events": (
            "{event}",
            [({**of, "pgproof.query.name": "users.show", "pgproof.cache.event": "hit"}, 2)],
        ),
        "pgproof.cache.failures": ("{failure}", [({**of, "error.type": "TIMEOUT_ERROR"}, 1)]),
        "pgproof.cache.breaker": (
            "1",
            [
                ({**of, "pgproof.cache.breaker.state": "closed"}, 0),
                ({**of, "pgproof.cache.breaker.state": "open"}, 1),
                ({**of, "pgproof.cache.breaker.state": "half-open"}, 0),
            ],
        ),
    }


def test_without_a_meter_it_is_the_global_one():
    export(Cache())  # which takes note, and hands on as soon as the application chooses a provider


def test_that_opentelemetry_is_missing_is_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.metrics", None)

    with pytest.raises(SettingsError, match="pip install opentelemetry-api"):
        export(Cache())


def test_a_cache_that_nobody_exports_imports_no_opentelemetry():
    code = "import sys, pgproof.cache; pgproof.cache.Cache(); print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert {each for each in modules if each.partition(".")[0] in ("opentelemetry", "momento", "grpc")} == set()
