"""Tests of the numbers for Prometheus."""

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.app.server.application_fakes import SDP, Client, World, visited

OFFER = {"type": "offer", "sdp": SDP}


async def numbers(client: Client) -> dict[tuple[str, str], float]:
    """Every sample by its name and its labels, such as `method="GET"`."""
    response = await client.get("/metrics")
    assert response.headers["Content-Type"].startswith("text/plain; version=")
    return {
        (sample.name, ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(await response.text())
        for sample in family.samples
    }


def test_sessions_drawing_and_the_process_are_told(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        answer = await (await client.post("/offer", json=OFFER)).json()
        stats = world.conversations.get(answer["conversation"]).stats
        for number in range(50):
            stats.note_frame(number / 25, is_drawn=number % 2 == 0, delay=0.15)
        found = await numbers(client)
        assert found["liveface_sessions", ""] == 1
        assert found["liveface_peers", ""] == 1
        assert found["liveface_slowest_fps", ""] == 12.5
        assert found["liveface_longest_delay_ms", ""] == 150
        assert answer["conversation"] not in str(found)
        assert found["liveface_load", ""] == 0
        assert found["liveface_avatars", ""] == 2
        assert found["liveface_pictures_total", ""] == 5
        assert found["liveface_draw_calls_total", ""] == 3
        assert found["liveface_pictures_dropped_total", ""] == 1
        assert found["liveface_draw_busy_seconds_total", ""] == 0.25
        assert found["process_resident_memory_bytes", ""] > 0
        assert found["process_open_fds", ""] > 0

    visited(tmp_path, visit)


def test_requests_are_counted_by_route_and_status_and_not_by_what_was_written(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        for name in ("clara", "jonas", "nobody"):
            await client.get(f"/avatars/{name}/photo.jpg")
        for path in ("/random/1", "/random/2"):
            await client.get(path)
        await client.request("PROPFIND", "/offer")
        found = await numbers(client)

        def count(method: str, route: str, status: int) -> float | None:
            return found.get(("liveface_requests_total", f'method="{method}",route="{route}",status="{status}"'))

        assert count("GET", "/avatars/{name}/photo.jpg", 200) == 2
        assert count("GET", "/avatars/{name}/photo.jpg", 404) == 1
        assert count("GET", "none", 404) == 2
        assert count("other", "none", 405) == 1
        assert found["liveface_request_seconds_count", 'route="/avatars/{name}/photo.jpg"'] == 3
        assert not [labels for _, labels in found if "random" in labels or "nobody" in labels]

    visited(tmp_path, visit)


def test_two_servers_of_one_process_count_apart(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        await client.get("/health")
        found = await numbers(client)
        assert found["liveface_requests_total", 'method="GET",route="/health",status="200"'] == 1

    visited(tmp_path, visit)
    visited(tmp_path, visit)
