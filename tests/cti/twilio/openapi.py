"""Checks requests and answers against Twilio's OpenAPI description of its 2010 API."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

FILE = Path(__file__).parents[4] / "shared" / "twilio" / "twilio_api_v2010.json"


class Description:
    """One API description."""

    def __init__(self, text: str) -> None:
        self._api = _json_schema(json.loads(text))
        self._paths = [
            (re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)), methods)
            for path, methods in self._api["paths"].items()
        ]

    def request(
        self, method: str, path: str, query: Sequence[tuple[str, str]], form: Any
    ) -> list[str]:
        """What is wrong with a request; nothing if all is well."""
        operation = self._operation(method, path)
        if operation is None:
            return [f"{method} {path}: no such operation"]
        known = {p["name"]: p for p in operation.get("parameters", []) if p["in"] == "query"}
        wrong = [f"{method} {path}: no parameter {name}" for name, _ in query if name not in known]
        for name, value in query:
            if name in known:
                wrong += self._fits(_typed(value, known[name]["schema"]), known[name]["schema"])
        body = operation.get("requestBody")
        if body is not None:
            schema = body["content"]["application/x-www-form-urlencoded"]["schema"]
            wrong += self._form(schema, form)
        elif form:
            wrong.append(f"{method} {path}: takes no form")
        return wrong

    def answer(self, method: str, path: str, status: int, value: Any) -> list[str]:
        """What is wrong with an answer, so that the simulated Twilio does not lie."""
        operation = self._operation(method, path)
        response = (operation or {}).get("responses", {}).get(str(status))
        if response is None:
            return [f"{method} {path}: never answers {status}"]
        return self._fits(value, response["content"]["application/json"]["schema"])

    def _operation(self, method: str, path: str) -> Any:
        for pattern, methods in self._paths:
            if pattern.fullmatch(path):
                return methods.get(method.lower())
        return None

    def _form(self, schema: Any, form: Sequence[tuple[str, str]]) -> list[str]:
        properties = schema["properties"]
        value: dict[str, Any] = {}
        for name, text in form:
            wanted = properties.get(name, {})
            if wanted.get("type") == "array":
                value.setdefault(name, []).append(text)
            elif name in value:
                return [f"{name} is there twice"]
            else:
                value[name] = _typed(text, wanted)
        return self._fits(value, {**schema, "additionalProperties": False})

    def _fits(self, value: Any, schema: Any) -> list[str]:
        whole = {**schema, "components": self._api["components"]}
        errors = Draft202012Validator(whole).iter_errors(value)
        return [f"{'/'.join(map(str, error.path))}: {error.message}"[:300] for error in errors]


def _typed(text: str, schema: Any) -> Any:
    """A form knows only text; the description says what it stands for."""
    kind = schema.get("type")
    if kind == "integer" and re.fullmatch(r"-?[0-9]+", text):
        return int(text)
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    return text


def _json_schema(api: Any) -> Any:
    """OpenAPI 3.0 says "nullable" where JSON Schema says that null is a type."""
    if isinstance(api, list):
        return [_json_schema(one) for one in api]
    if not isinstance(api, dict):
        return api
    plain = {name: _json_schema(value) for name, value in api.items()}
    if plain.pop("nullable", False) is True:
        return {"anyOf": [plain, {"type": "null"}]}
    return plain


@cache
def description() -> Description | None:
    """Twilio's description, or None where it is not at hand."""
    return Description(FILE.read_text(encoding="utf-8")) if FILE.is_file() else None
