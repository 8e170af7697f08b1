"""The caller of an HTTP request."""

from collections.abc import Sequence

from aiohttp import web
from attrs import frozen


@frozen
class HttpCaller:
    _request: web.BaseRequest

    @property
    def peer(self) -> str:
        return self._request.remote or ""

    def values(self, name: str) -> Sequence[str]:
        return self._request.headers.getall(name, ())
