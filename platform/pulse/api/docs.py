"""Browsable documentation made from the OpenAPI document: plain pages, no third-party script."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularJSONAPIView

from record.access import PUBLIC, entitled

VERBS = ("get", "post", "put", "patch", "delete")


class SchemaView(SpectacularJSONAPIView):
    """The OpenAPI 3.1 document."""

    entitlement = PUBLIC

    def _get_filename(self, request: Any, version: Any) -> str:
        return "pulse.json"


@dataclass(frozen=True)
class Field:
    """One parameter or property."""

    name: str
    where: str
    kind: str
    required: bool
    says: str


@dataclass(frozen=True)
class Operation:
    """One method on one path."""

    verb: str
    path: str
    anchor: str
    summary: str
    says: str
    fields: list[Field]
    answers: list[tuple[str, str]]
    curl: str
    tag: str
    scope: str


def kind_of(schema: dict[str, Any]) -> str:
    """Return a schema's type in words."""
    if "$ref" in schema:
        return str(schema["$ref"].rsplit("/", 1)[1])
    for joined in ("oneOf", "anyOf", "allOf"):
        if joined in schema:
            return " or ".join(dict.fromkeys(kind_of(part) for part in schema[joined]))
    if "enum" in schema:
        return "one of " + ", ".join(str(value) for value in schema["enum"])
    kind = schema.get("type", "any")
    if isinstance(kind, list):
        kind = " or ".join(kind)
    if kind == "array":
        return f"list of {kind_of(schema.get('items', {}))}"
    return f"{kind} ({schema['format']})" if "format" in schema else str(kind)


def body_fields(document: dict[str, Any], operation: dict[str, Any]) -> list[Field]:
    """Return the properties of an operation's JSON body."""
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    required = schema.get("required", [])
    return [
        Field(name, "body", kind_of(part), name in required, part.get("description", ""))
        for name, part in schema.get("properties", {}).items()
    ]


def scope_of(operation: dict[str, Any]) -> str:
    """Return the scope that a key needs for an operation; nothing where no key will do."""
    found = (scheme["apiKey"] for scheme in operation.get("security", []) if "apiKey" in scheme)
    return "".join(next(found, []))


def curl_of(verb: str, path: str, fields: list[Field], *, key: bool) -> str:
    """Return a command line that calls the operation, with a key where one will do."""
    parts = ["curl", '-H "X-API-Key: $PULSE_KEY"'] if key else ["curl"]
    if verb != "get":
        parts.append(f"-X {verb.upper()}")
    bodies = [field for field in fields if field.where == "body"]
    if bodies:
        shown = ", ".join(f'"{field.name}": ...' for field in bodies if field.required)
        parts += ["-H 'Content-Type: application/json'", f"-d '{{{shown}}}'"]
    return " ".join([*parts, f"$PULSE{path}"])


def operations(document: dict[str, Any]) -> list[Operation]:
    """Return the operations of an OpenAPI document, ordered by path."""
    found = []
    for path, verbs in sorted(document["paths"].items()):
        for verb in VERBS:
            if verb not in verbs:
                continue
            raw = verbs[verb]
            fields = [
                Field(
                    part["name"],
                    part["in"],
                    kind_of(part.get("schema", {})),
                    part.get("required", False),
                    part.get("description", ""),
                )
                for part in raw.get("parameters", [])
            ] + body_fields(document, raw)
            says = raw.get("description", "")
            summary = raw.get("summary") or says.split("\n")[0]
            answers = [
                (code, item.get("description", "")) for code, item in raw["responses"].items()
            ]
            tag = path.removeprefix("/api/v1/").split("/")[0]
            scope = scope_of(raw)
            curl = curl_of(verb, path, fields, key=bool(scope))
            anchor = raw["operationId"]
            found.append(
                Operation(verb, path, anchor, summary, says, fields, answers, curl, tag, scope)
            )
    return found


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """Return the OpenAPI document; it does not change while the process lives."""
    generator: Any = SchemaGenerator
    made: dict[str, Any] = generator().get_schema(request=None, public=True)
    return made


@require_GET
@entitled(PUBLIC)
def docs(request: HttpRequest) -> HttpResponse:
    """Show every operation with its fields, answers and a command line."""
    made = operations(document())
    groups: dict[str, list[Operation]] = {}
    for operation in made:
        groups.setdefault(operation.tag, []).append(operation)
    return render(request, "api/docs.html", {"groups": groups, "info": document()["info"]})
