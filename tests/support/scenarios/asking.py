"""How a session asks: requests, and scenarios that yield them and are sent the answers."""

from collections.abc import Generator, Mapping
from typing import Any, Final

from attrs import frozen

from tests.support.api_client import NOTHING, Answer

UNKNOWN: Final = "01890a5d-ac96-774b-bcce-b302099a8057"
USER: Final = "01890a5d-ac96-774b-bcce-b302099a8001"


@frozen(kw_only=True)
class Request:
    """What is sent. A header of None is not."""

    method: str
    path: str
    body: Any = NOTHING
    headers: Mapping[str, str | None] = {}
    base: str = "/api/v1"


Scenario = Generator[Request, Answer, None]
Made = Generator[Request, Answer, str]


def get(path: str, **headers: str | None) -> Request:
    return Request(method="GET", path=path, headers=_named(headers))


def post(path: str, body: Any = NOTHING, **headers: str | None) -> Request:
    return Request(method="POST", path=path, body=body, headers=_named(headers))


def put(path: str, body: Any = NOTHING, **headers: str | None) -> Request:
    return Request(method="PUT", path=path, body=body, headers=_named(headers))


def patch(path: str, body: Any = NOTHING, **headers: str | None) -> Request:
    return Request(method="PATCH", path=path, body=body, headers=_named(headers))


def delete(path: str, body: Any = NOTHING, **headers: str | None) -> Request:
    return Request(method="DELETE", path=path, body=body, headers=_named(headers))


def new_customer(name: str, **more: Any) -> dict[str, Any]:
    return {"email": f"{name}@example.test", "firstName": name.title(), "lastName": "Doe", **more}


def registered(name: str, **more: Any) -> Made:
    """A new customer's path."""
    answer = yield post("/customers", new_customer(name, **more))
    return f"/customers/{answer.body['id']}"


def made(request: Request) -> Made:
    """The id of what a request makes."""
    return str((yield request).body["id"])


def walked(path: str, most: int) -> Scenario:
    """A list by cursors, to its end."""
    link: str | None = f"{path}&cursor="
    for _ in range(most):
        if link is None:
            return
        link = (yield get(link)).link("next")


def _named(headers: Mapping[str, str | None]) -> dict[str, str | None]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
