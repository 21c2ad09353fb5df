"""Tests of the interface's description: in step with the code, whole, and of a form that OpenAPI's tools take.

That answers are what is described, is looked at with every request that a test makes (`application_fakes`).
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from liveface.app.server import refusals
from liveface.app.server.routes.description import Description, described, description_of
from scripts.describe_interface import COMMON, DOCUMENT, document, requests, written


@pytest.fixture(scope="module")
def interface() -> dict[str, Any]:
    return document()


def nodes(node: object) -> Iterator[dict[str, Any]]:
    """Everything in a document that has names."""
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from nodes(value)
    elif isinstance(node, list):
        for value in node:
            yield from nodes(value)


def test_the_document_is_in_step_with_the_code(interface: dict[str, Any]) -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == written(), "run scripts/describe_interface.py"
    assert yaml.safe_load(DOCUMENT.read_text(encoding="utf-8")) == interface


def test_every_request_is_in_it(interface: dict[str, Any]) -> None:
    told = {(method, path) for path, operations in interface["paths"].items() for method in operations}
    assert told == {(method, path) for method, path, _, _ in requests()}
    assert {
        *(("post", "/offer"), ("post", "/whip"), ("post", "/whip/{name}"), ("post", "/whep"), ("get", "/pcm")),
        *(("patch", "/whip/{session}"), ("delete", "/whep/session/{session}"), ("get", "/healthz")),
    } <= told


def test_every_refusal_is_told_of_at_some_request() -> None:
    told = {code for _, _, _, about in requests() for code in about.codes} | set(COMMON)
    assert told >= refusals.STATUSES.keys()
    assert told >= set(refusals.OF_PHOTOS)


def test_every_reference_leads_somewhere(interface: dict[str, Any]) -> None:
    for node in nodes(interface):
        if "$ref" in node:
            _, *names = node["$ref"].split("/")
            target: Any = interface
            for name in names:
                target = target[name]


def test_an_operation_has_a_name_of_its_own_words_and_all_of_its_parameters(interface: dict[str, Any]) -> None:
    names = []
    for path, operations in interface["paths"].items():
        for method, operation in operations.items():
            names.append(operation["operationId"])
            assert operation["summary"].endswith("."), f"{method} {path}"
            within = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"}
            assert within == set(re.findall(r"{(\w+)}", path))
            assert all("description" in one or "$ref" in one for one in operation["responses"].values())
            assert all(re.fullmatch("[1-5][0-9]{2}|default", status) for status in operation["responses"])
            for scheme in (name for way in operation.get("security", ()) for name in way):
                assert scheme in interface["components"]["securitySchemes"]
    assert len(set(names)) == len(names)


def test_a_schema_says_what_is_in_it(interface: dict[str, Any]) -> None:
    schemas = interface["components"]["schemas"]
    assert schemas["Offer"]["required"] == ["sdp", "type"]
    assert schemas["Offer"]["additionalProperties"] is False
    assert schemas["Answer"]["required"] == ["conversation", "sdp", "type"]
    assert schemas["Append"]["properties"]["type"]["enum"] == ["input_audio_buffer.append"]
    assert all("description" in schema for schema in schemas.values())


def test_nothing_stands_for_something_else_by_an_alias() -> None:
    assert not re.search(r": [&*]id\d", DOCUMENT.read_text(encoding="utf-8")), "few tools follow the aliases of YAML"


def test_a_handler_keeps_its_description() -> None:
    @described(Description(status=204))
    async def handler() -> None:
        """Nothing."""

    assert description_of(handler) == Description(status=204)
    assert description_of(print) is None
