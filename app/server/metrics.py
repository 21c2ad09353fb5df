"""The server's numbers for Prometheus; knows nothing of who asks for them."""

import time
from collections.abc import Iterable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from liveface.app.capacity.session_pool import SessionPool
from liveface.app.server.context import ServerContext

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """One server's numbers, in a registry of its own."""

    def __init__(self, stage: ServerContext, ensemble: SessionPool) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "liveface_requests", "Requests answered.", ("method", "route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "liveface_request_seconds", "Until the answer.", ("route",), buckets=_SECONDS, registry=self._registry
        )
        ProcessCollector(registry=self._registry)
        self._registry.register(_Sessions(stage, ensemble))

    def text(self) -> bytes:
        """All numbers, as Prometheus reads them."""
        return generate_latest(self._registry)

    def middleware(self) -> Middleware:
        """Counts requests and their time by route, never by what a client wrote."""

        @web.middleware
        async def counted(request: web.Request, handler: Handler) -> web.StreamResponse:
            resource = request.match_info.route.resource
            route = "none" if resource is None else resource.canonical
            started = time.perf_counter()
            status = 500
            try:
                response = await handler(request)
                status = response.status
                return response
            finally:
                method = request.method if request.method in ("GET", "POST", "PATCH", "DELETE", "OPTIONS") else "other"
                self._requests.labels(method, route, str(status)).inc()
                self._seconds.labels(route).observe(time.perf_counter() - started)

        return counted


class _Sessions(Collector):
    """Reads what the sessions and the drawing thread have counted themselves."""

    def __init__(self, stage: ServerContext, ensemble: SessionPool) -> None:
        self._stage = stage
        self._ensemble = ensemble

    def collect(self) -> Iterable[Metric]:
        drawn = self._ensemble.scheduler.drawn
        conversations = list(self._stage.conversations)
        reports = [conversation.stats.report() for conversation in conversations]
        delays = [report.mic_to_picture_ms.p95 for report in reports if report.mic_to_picture_ms is not None]
        peers = sum(len(conversation.peers) for conversation in conversations)
        yield GaugeMetricFamily("liveface_sessions", "Faces that speak.", len(conversations))
        yield GaugeMetricFamily("liveface_peers", "WebRTC connections.", peers)
        yield GaugeMetricFamily(
            "liveface_slowest_fps",
            "Of the session with the fewest.",
            min((one.recent_fps for one in reports), default=0),
        )
        yield GaugeMetricFamily(
            "liveface_longest_delay_ms", "Microphone to picture, p95 of the session with most.", max(delays, default=0)
        )
        yield GaugeMetricFamily("liveface_load", "Share of the machine taken.", self._ensemble.admission.load())
        yield CounterMetricFamily("liveface_pictures", "Pictures drawn.", drawn.pictures)
        yield CounterMetricFamily("liveface_draw_calls", "Calls that drew them.", drawn.calls)
        yield CounterMetricFamily("liveface_draw_busy_seconds", "Time spent drawing.", drawn.busy)
        yield CounterMetricFamily("liveface_pictures_dropped", "Pictures left out as too late.", drawn.dropped)
        yield GaugeMetricFamily("liveface_avatars", "Faces that can be chosen.", len(self._stage.avatars))
