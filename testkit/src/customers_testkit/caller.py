"""Sends requests to the service and raises its errors. The operations are in `client`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx

from customers_testkit.exact import decode, encode


class CustomersError(Exception):
    """An error response: status, `code` for programs, message, and details of invalid fields."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        inner = body.get("error")
        error: Mapping[str, Any] = inner if isinstance(inner, Mapping) else body
        self.status = status
        self.code = str(error.get("code", ""))
        self.message = str(error.get("message", ""))
        self.details: Sequence[Mapping[str, Any]] = error.get("details", ())
        super().__init__(f"{status} {self.code}: {self.message}")


class Caller:
    """Sends requests for one tenant, or without a tenant if `tenant` is empty.

    `authorization` is the value of the Authorization header, empty for none.
    """

    def __init__(self, http: httpx.Client, tenant: str = "", authorization: str = "") -> None:
        self._http = http
        self.tenant = tenant
        self._authorization = authorization
        # The last response, also an error response.
        self.last_response: httpx.Response | None = None

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        rows: Iterable[Any] | None = None,
        headers: Mapping[str, str | None] | None = None,
    ) -> Any:
        """The body of the answer: a JSON value, or a text. `rows` are sent as lines of JSON. Raises
        CustomersError for an error response, and an error of httpx if there is no response.
        """
        sent: dict[str, str | None] = {
            "X-Tenant-ID": self.tenant or None,
            "Authorization": self._authorization or None,
            **(headers or {}),
        }
        content = None if body is None else encode(body)
        if body is not None:
            sent["Content-Type"] = "application/json"
        if rows is not None:
            sent["Content-Type"] = "application/x-ndjson"
            content = b"".join(encode(row) + b"\n" for row in rows)
        response = self._http.request(
            method,
            path,
            params=_texts(query or {}),
            content=content,
            headers={name: value for name, value in sent.items() if value is not None},
        )
        self.last_response = response
        is_json = "json" in response.headers.get("Content-Type", "")
        answer = decode(response.content) if is_json and response.content else response.text
        if response.is_error:
            raise CustomersError(response.status_code, answer if isinstance(answer, dict) else {})
        return answer


def part(text: str) -> str:
    """A part of a path, percent-encoded."""
    return quote(text, safe="")


def _texts(query: Mapping[str, Any]) -> dict[str, str]:
    """The parameters as texts: None is left out, and lists are comma-separated.

    Raises ValueError for an empty list: the service ignores an empty parameter, so a filter by no
    value at all would list everybody.
    """
    for name, value in query.items():
        if isinstance(value, list | tuple) and not value:
            raise ValueError(f"{name} is an empty list: leave it out to list everybody")
    return {name: _text(value) for name, value in query.items() if value is not None}


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(_text, value))
    return str(value)
