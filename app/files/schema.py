"""Values that others have written, held against a type field by field. Knows nothing of who is told what is wrong."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeVar, get_type_hints

import msgspec
from msgspec import inspect

T = TypeVar("T")

_MISSING = object()
_SHOWN = 60  # characters of a value that does not fit


class FieldError(Exception):
    """The first field that does not fit, the `value` there, and what is `expected` in its place, in words."""

    def __init__(self, name: str, value: object, expected: str) -> None:
        super().__init__(name, value, expected)
        self.name = name
        self.value = value
        self.expected = expected

    @property
    def is_missing(self) -> bool:
        """Whether there is no value."""
        return self.value is _MISSING

    @property
    def found(self) -> str:
        """The value, short enough to be shown."""
        return repr(self.value)[:_SHOWN]


def parse_object(text: str | bytes) -> dict[str, object] | None:
    """The content of an object in JSON; None for anything else."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def read(kind: type[T], document: Mapping[str, object], *, is_text: bool = False) -> T:
    """A Struct or a dataclass with the values of a document; what it does not know is passed over.

    `is_text`: values may be texts, as in a query. Raises `FieldError`, and what making a dataclass raises.
    """
    values: dict[str, Any] = {}
    schema: type = kind
    for name, field in _fields(schema).items():
        if name in document:
            values[name] = converted(schema, name, document[name], is_text=is_text)
        elif field.required:
            raise FieldError(name, _MISSING, _words(field.type))
    return kind(**values)


def converted(kind: type, name: str, value: object, *, is_text: bool = False) -> Any:
    """The value as the field of that name holds it; raises `FieldError`."""
    try:
        return msgspec.convert(value, _types(kind)[name], strict=not is_text)
    except ValueError:
        raise FieldError(name, value, expected(kind, name)) from None


def check(made: object) -> None:
    """Hold the values of a dataclass against their types; raises `FieldError`."""
    kind: type = type(made)
    for name in _fields(kind):
        converted(kind, name, getattr(made, name))


def expected(kind: type, name: str) -> str:
    """What is expected of a field, in words."""
    return _words(_fields(kind)[name].type)


def names(kind: type) -> list[str]:
    """Of the fields."""
    return list(_fields(kind))


def unknown(kind: type, given: Mapping[str, object]) -> str | None:
    """The first name of what is `given` that no field has."""
    return min(given.keys() - _fields(kind).keys(), default=None)


@cache
def _types(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


@cache
def _fields(kind: Any) -> dict[str, inspect.Field]:
    found = inspect.type_info(kind)
    assert isinstance(found, inspect.StructType | inspect.DataclassType)
    return {field.name: field for field in found.fields}


def _words(kind: inspect.Type) -> str:
    """What is expected of a value, for people: the type's own description, if it has one."""
    match kind:
        case inspect.Metadata(type=inner, extra_json_schema=extra):
            return str((extra or {}).get("description") or _words(inner))
        case inspect.UnionType(types=types):
            return " or ".join(_words(one) for one in types if not isinstance(one, inspect.NoneType))
        case inspect.LiteralType(values=values):
            return _either([repr(value) for value in values])
        case inspect.IntType(ge=least, le=most):
            return "a whole number" + _range(least, most)
        case inspect.FloatType(ge=least, le=most):
            return "a number" + _range(least, most)
        case inspect.BoolType():
            return "true or false"
        case inspect.BytesType():
            return "base64"
        case inspect.VarTupleType():
            return "a list of texts"
    return "a text"


def _range(least: float | None, most: float | None) -> str:
    return "" if least is None else f" from {least} to {most}"


def _either(words: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))
