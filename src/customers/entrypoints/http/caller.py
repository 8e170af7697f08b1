"""The caller of an HTTP request."""

from collections.abc import Sequence

from aiohttp import web
from attrs import frozen
from multidict import MultiMapping


@frozen
class HttpCaller:
    _request: web.BaseRequest

    @property
    def peer(self) -> str:
        return self._request.remote or ""

    @property
    def query(self) -> MultiMapping[str]:
        return self._request.query

    @property
    def certificate_names(self) -> Sequence[str]:
        transport = self._request.transport
        certificate = None if transport is None else transport.get_extra_info("peercert")
        return [name for _, name in (certificate or {}).get("subjectAltName", ())]

    def values(self, name: str) -> Sequence[str]:
        return self._request.headers.getall(name, ())
