"""Calls to the service: whose they are, what is sent, and what is refused. Which calls there are is
found in `client`.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx

from customers_testkit.exact import decode, encode


class CustomersError(Exception):
    """What the service refused: the status, a `code` for programs, and one detail per bad field."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        inner = body.get("error")
        told: Mapping[str, Any] = inner if isinstance(inner, Mapping) else body
        self.status = status
        self.code = str(told.get("code", ""))
        self.message = str(told.get("message", ""))
        self.details: Sequence[Mapping[str, Any]] = told.get("details", ())
        super().__init__(f"{status} {self.code}: {self.message}")


class Caller:
    """Makes calls for one tenant; an empty one is named by none of them."""

    def __init__(self, http: httpx.Client, tenant: str = "") -> None:
        self._http = http
        self.tenant = tenant
        # For whoever wants to see the status or the headers of the last answer, refusals included.
        self.last_response: httpx.Response | None = None

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str | None] | None = None,
    ) -> Any:
        """The body of the answer. Raises CustomersError for what was refused, and httpx's errors
        where no answer came.
        """
        sent = {"X-Tenant-ID": self.tenant or None, **(headers or {})}
        if body is not None:
            sent["Content-Type"] = "application/json"
        response = self._http.request(
            method,
            path,
            params=_texts(query or {}),
            content=None if body is None else encode(body),
            headers={name: value for name, value in sent.items() if value is not None},
        )
        self.last_response = response
        is_json = "json" in response.headers.get("Content-Type", "")
        told = decode(response.content) if is_json and response.content else response.text
        if response.is_error:
            raise CustomersError(response.status_code, told if isinstance(told, dict) else {})
        return told


def part(text: str) -> str:
    """A part of a path, whatever stands in it."""
    return quote(text, safe="")


def _texts(query: Mapping[str, Any]) -> dict[str, str]:
    """As they stand in a query; None is not given, a list is comma-separated."""
    return {name: _text(value) for name, value in query.items() if value is not None}


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(_text, value))
    return str(value)
