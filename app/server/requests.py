"""Requests held against what they are to bring; what does not fit is refused."""

from collections.abc import Mapping
from typing import TypeVar

from aiohttp import web

from liveface.app.files.schema import FieldError, parse_object, read
from liveface.app.server.refusals import RefusalError

T = TypeVar("T")


async def read_json(request: web.Request) -> dict[str, object]:
    """The object that a request's body holds; raises `RefusalError` for anything else."""
    document = parse_object(await request.read())
    if document is None:
        raise RefusalError("body_not_json")
    return document


async def read_body(request: web.Request, kind: type[T], code: str) -> T:
    """The same as what a request is to bring; raises `RefusalError` with that code for what does not fit."""
    document = await read_json(request)
    try:
        return read(kind, document)
    except FieldError as fault:
        raise RefusalError(code, field=fault.name, expected=fault.expected) from None


def read_query(query: Mapping[str, object], kind: type[T]) -> T:
    """What a query asks for; raises `RefusalError`."""
    try:
        return read(kind, query, is_text=True)
    except FieldError as fault:
        raise setting_refusal(fault) from None


def setting_refusal(fault: FieldError) -> RefusalError:
    """Of a choice that cannot be."""
    return RefusalError("setting_value", name=fault.name, found=str(fault.value), expected=fault.expected)
