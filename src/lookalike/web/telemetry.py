"""Figures of a running server, for Prometheus. They stay here: somebody has to ask for them."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

MEDIA_TYPE = CONTENT_TYPE_LATEST


class Telemetry:
    """The figures of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "lookalike_requests", "Requests, by route and status.", ["route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "lookalike_search_seconds",
            "The time that the stages of searches took.",
            ["stage"],
            buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
            registry=self._registry,
        )
        self._work = Gauge(
            "lookalike_work", "Requests that are worked on or waiting.", ["kind"], registry=self._registry
        )
        self._images = Gauge("lookalike_images", "Images of each gallery.", ["gallery"], registry=self._registry)

    def count_request(self, route: str, status: int) -> None:
        """Count one request that was answered with ``status``."""
        self._requests.labels(route, str(status)).inc()

    def observe_stage(self, stage: str, seconds: float) -> None:
        """Record how long a stage of a search took."""
        self._seconds.labels(stage).observe(seconds)

    def text(self, work: dict[str, int], images: dict[str, int]) -> bytes:
        """All figures in Prometheus' own format: also the ``work`` by its kind and the ``images`` by gallery."""
        for kind, count in work.items():
            self._work.labels(kind).set(count)
        for gallery, count in images.items():
            self._images.labels(gallery).set(count)
        return generate_latest(self._registry)
