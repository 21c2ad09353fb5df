"""Writes docs/openapi.yaml from the server's routes, schemas and error codes. A test tells when it must be run."""

import inspect
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import msgspec
import yaml
from aiohttp import hdrs, web

from liveface.app.server.application import PAGE, make_application
from liveface.app.server.context import ServerContext
from liveface.app.server.messages import AGENT_EVENTS, AGENT_MESSAGES, CHANNEL_EVENTS, CHANNEL_MESSAGES
from liveface.app.server.refusals import status_of_code
from liveface.app.server.routes.description import Description, description_of
from liveface.app.server.schemas import Failure
from liveface.app.server.security import COOKIE, HEALTHZ, OWNER, Access, needed
from liveface.app.server.webrtc.peer import PeerSettings
from liveface.app.session.clock import MonotonicClock

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "openapi.yaml"
COMMON = (
    *("request_malformed", "request_refused", "token_missing", "scope_missing", "origin_refused", "page_refused"),
    *("host_unknown", "too_many_requests", "route_unknown", "method_unknown", "body_too_slow", "body_too_large"),
    "server_failed",
)  # what any request may be refused with
_HEAD = "# Made by scripts/describe_interface.py from the routes, schemas and error codes: change those, then run it.\n"
_REFUSED = {"$ref": "#/components/responses/Refused"}
_ABOUT = (
    "Faces for browsers, calls and agents, over WebRTC, WHIP, WHEP and a WebSocket; docs/serving.md tells more. "
    "Where the server has a token, every request but /healthz shows it. `x-scope` is what a token with scopes must "
    "allow. Every refusal is a `Failure`: programs go by its `code`, the words may change. 429 and 503 have "
    "`Retry-After` in seconds."
)


def main() -> None:
    DOCUMENT.write_text(written(), encoding="utf-8")


def written() -> str:
    """The document as text."""
    return _HEAD + yaml.dump(document(), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _version() -> str:
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])


def document() -> dict[str, Any]:
    """The interface as OpenAPI 3.1."""
    found = list(requests())
    kinds = {Failure, *AGENT_MESSAGES, *AGENT_EVENTS, *CHANNEL_MESSAGES, *CHANNEL_EVENTS}
    for _, _, _, about in found:
        kinds |= {kind for kind in (about.body, about.query, about.answer) if isinstance(kind, type)}
    _, schemas = msgspec.json.schema_components(
        sorted(kinds, key=lambda kind: kind.__name__),
        ref_template="#/components/schemas/{name}",
        schema_hook=lambda kind: {"description": "Anything."},  # of `object`
    )
    paths: dict[str, Any] = {}
    for method, path, words, about in found:
        paths.setdefault(path, {})[method] = _operation(method, path, words, about, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "liveface serve",
            "version": _version(),
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "http://127.0.0.1:8080"}],
        "security": [{"bearer": []}, {"cookie": []}, {}],
        "paths": {path: paths[path] for path in sorted(paths)},
        "components": {
            "schemas": {name: schemas[name] for name in sorted(schemas)},
            "responses": {
                "Refused": {
                    "description": f"What any request may be refused with: {_listed(COMMON)}.",
                    "content": _content(Failure),
                }
            },
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "Set by /?token=TOKEN."},
            },
        },
    }


def application() -> web.Application:
    """What is served, over nothing: only its routes are looked at."""
    nothing: Any = _Nothing()
    stage = ServerContext(nothing, nothing, PeerSettings(), MonotonicClock(), nothing)
    return make_application(stage, nothing, Access())


class _Nothing:
    def __getattr__(self, name: str) -> Any:
        return self


def requests() -> Iterator[tuple[str, str, str, Description]]:
    """Each request once: its method in small letters, its path, what it does, and its description."""
    pages = {"/", *(f"/{path.name}" for path in PAGE.iterdir())}
    for route in application().router.routes():
        path = route.resource.canonical if route.resource is not None else ""
        if route.method == hdrs.METH_HEAD or path in pages or path.endswith("/"):
            continue
        about = description_of(route.handler)
        assert about is not None, f"{route.method} {path} has no description"
        yield route.method.lower(), path, inspect.getdoc(cast(Callable[..., object], route.handler)) or "", about


def _operation(method: str, path: str, words: str, about: Description, schemas: dict[str, Any]) -> dict[str, Any]:
    summary, _, rest = words.partition("\n\n")
    operation: dict[str, Any] = {"operationId": re.sub(r"\W+", "_", f"{method}{path}").strip("_"), "summary": summary}
    if rest:
        operation["description"] = " ".join(rest.split())
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", path)
    ]
    if about.query is not None:
        schema = schemas[about.query.__name__]
        required = schema.get("required", ())
        parameters += [
            {"name": name, "in": "query", "required": name in required, "schema": value}
            for name, value in schema["properties"].items()
        ]
    if about.is_owners:
        is_needed = path not in ("/pcm",)
        parameters.append({"name": OWNER, "in": "header", "required": is_needed, "schema": {"type": "string"}})
    if parameters:
        operation["parameters"] = parameters
    if about.body is not None:
        operation["requestBody"] = {"required": True, "content": _content(about.body)}
    operation["responses"] = _responses(about)
    if path == HEALTHZ:
        operation["security"] = [{}]
    else:
        operation["x-scope"] = needed(method.upper(), path)
    if path == "/pcm":
        operation["x-websocket"] = {"sent": _references(AGENT_MESSAGES), "received": _references(AGENT_EVENTS)}
    if path == "/offer":
        operation["x-data-channel"] = {
            "label": "liveface",
            "sent": _references(CHANNEL_MESSAGES),
            "received": _references(CHANNEL_EVENTS),
        }
    return operation


def _responses(about: Description) -> dict[str, Any]:
    """That of success, those of refusals by their status, and what is common to all."""
    success: dict[str, Any] = {"description": {101: "The WebSocket is open."}.get(about.status, "Done.")}
    if about.headers:
        success["headers"] = {name: {"schema": {"type": "string"}} for name in about.headers}
    if about.answer is not None:
        success["content"] = _content(about.answer)
    responses = {str(about.status): success}
    if isinstance(about.answer, type) and "status" in about.answer.__annotations__:
        responses["503"] = {"description": "Nothing is drawn any more.", "content": _content(about.answer)}
    for status in sorted({status_of_code(code) for code in about.codes}):
        codes = sorted({code for code in about.codes if status_of_code(code) == status})
        responses[str(status)] = _REFUSED | {"description": f"{_listed(codes)}."}
    return responses | {"default": _REFUSED}


def _listed(codes: Any) -> str:
    return ", ".join(f"`{code}`" for code in codes)


def _content(kind: type | str) -> dict[str, Any]:
    if isinstance(kind, str):
        return {kind: {"schema": {"type": "string"} if "sdp" in kind or "text" in kind else {}}}
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{kind.__name__}"}}}


def _references(kinds: tuple[type, ...]) -> list[dict[str, str]]:
    return [{"$ref": f"#/components/schemas/{kind.__name__}"} for kind in kinds]


if __name__ == "__main__":
    main()
