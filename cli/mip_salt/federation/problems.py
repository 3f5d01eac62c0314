"""Say in words what is wrong with a document, each error with its path, and what was probably meant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from mip_salt.printable import printable


def problems(error: ValidationError, model: type[BaseModel], prefix: str = "") -> list[str]:
    """Return every error of a document, each with its path, in words.

    model
        What the document should have been: a misspelt name is answered with the one that is meant.
    prefix
        What stands before each path, for a document that is part of another.

    No value is repeated but one that should be one of a few words: a document may hold secrets.
    """
    lines = []
    for item in error.errors(include_url=False):
        path = ".".join(str(part) for part in item["loc"] if part != "[key]")
        text = str(item["msg"]).removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            text = f"is not a setting here{_meant(item['loc'], model, prefix)}"
        elif item["type"] in ("enum", "literal_error"):
            text = _one_of(str(item["ctx"]["expected"]), item["input"])
        elif item["type"] == "string_type":
            text = "must be text: write it in quotes"
        elif item["type"] == "missing":
            text = "is missing"
        lines.append(": ".join(filter(None, (printable(f"{prefix}{path}".strip("."), 200), text))))
    return lines


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Return `` (did you mean …?)`` for the known word that is closest, or nothing."""
    near = get_close_matches(word.lower().replace("-", "_"), known, n=1) or get_close_matches(word.lower(), known, n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def _one_of(expected: str, given: object) -> str:
    words = [word.strip("'") for word in expected.replace(" or ", ", ").split(", ")]
    return f"must be {expected.replace(chr(39), '')}{did_you_mean(given, words) if isinstance(given, str) else ''}"


def _meant(place: tuple[int | str, ...], model: type[BaseModel], prefix: str) -> str:
    """Return what a name that is no field may have meant: a field here, or one that belongs elsewhere."""
    key = str(place[-1])
    here = _at(model, place[:-1])
    if here and (near := did_you_mean(key, list(here.model_fields))):
        return near
    elsewhere = [path for path, fields in _all(model) if key in fields]
    if elsewhere:
        return f" (it belongs under {prefix}{elsewhere[0]})".replace(".)", ")")
    return f" (here: {', '.join(here.model_fields)})" if here else ""


def _at(model: type[BaseModel], place: tuple[int | str, ...]) -> type[BaseModel] | None:
    """Return the model of the mapping at a place in a document."""
    parts = [str(part) for part in place]
    while parts:
        field = model.model_fields.get(parts.pop(0))
        inner, row = _kinds(field.annotation if field else None)
        if row and parts:
            parts.pop(0)  # the row's own name
        if not (inner or row):
            return None
        model = inner or row or model
    return model


def _kinds(annotation: Any) -> tuple[type[BaseModel] | None, type[BaseModel] | None]:
    """Return the model that a field is, and the model of the rows that it holds."""
    models = [part for part in (annotation, *get_args(annotation)) if isinstance(part, type) and _is_model(part)]
    return (models[0], None) if models[:1] == [annotation] else (None, models[0] if models else None)


def _is_model(kind: type) -> bool:
    # dict[str, Node] is a type on Python 3.10, but no class.
    try:
        return issubclass(kind, BaseModel)
    except TypeError:
        return False


def _all(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, set[str]]]:
    """Tell the fields of a model and of all models in it, each with its path."""
    yield path, set(model.model_fields)
    for name, field in model.model_fields.items():
        inner, row = _kinds(field.annotation)
        if inner:
            yield from _all(inner, f"{path}.{name}".strip("."))
        elif row:
            yield from _all(row, f"{path}.{name}.<id>".strip("."))
