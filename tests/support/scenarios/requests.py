"""Requests, and scenarios: generators that yield requests and receive the answers."""

from collections.abc import Generator, Mapping
from typing import Any, Final

from attrs import frozen

from tests.support.api_client import NOTHING, Answer

UNKNOWN: Final = "01890a5d-ac96-774b-bcce-b302099a8057"
USER: Final = "01890a5d-ac96-774b-bcce-b302099a8001"


@frozen(kw_only=True)
class Request:
    """A request. A header of None is not sent."""

    method: str
    path: str
    body: Any = NOTHING
    headers: Mapping[str, str | None] = {}
    base: str = "/api/v1"


Scenario = Generator[Request, Answer, None]
Creation = Generator[Request, Answer, str]


def get(path: str, **headers: str | None) -> Request:
    return Request(method="GET", path=path, headers=_header_names(headers))


def post(path: str, body: Any = NOTHING, **headers: str | None) -> Request:
    return Request(method="POST", path=path, body=body, headers=_header_names(headers))


def put(path: str, body: Any = NOTHING, **headers: str | None) -> Request:
    return Request(method="PUT", path=path, body=body, headers=_header_names(headers))


def patch(path: str, body: Any = NOTHING, **headers: str | None) -> Request:
    return Request(method="PATCH", path=path, body=body, headers=_header_names(headers))


def delete(path: str, body: Any = NOTHING, **headers: str | None) -> Request:
    return Request(method="DELETE", path=path, body=body, headers=_header_names(headers))


def new_customer(name: str, **fields: Any) -> dict[str, Any]:
    return {"email": f"{name}@example.test", "firstName": name.title(), "lastName": "Doe", **fields}


def a_new_customer(name: str, **fields: Any) -> Creation:
    """Creates a customer; returns their path."""
    answer = yield post("/customers", new_customer(name, **fields))
    return f"/customers/{answer.body['id']}"


def create(request: Request) -> Creation:
    """Sends a request that creates something; returns its id."""
    return str((yield request).body["id"])


def read_pages(path: str, limit: int) -> Scenario:
    """Reads a list by cursor, at most `limit` pages."""
    link: str | None = f"{path}&cursor="
    for _ in range(limit):
        if link is None:
            return
        link = (yield get(link)).link("next")


def _header_names(headers: Mapping[str, str | None]) -> dict[str, str | None]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
