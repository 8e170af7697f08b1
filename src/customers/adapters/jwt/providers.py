"""Fetches the keys of an identity provider: from a known URL, or by OpenID discovery."""

from typing import Final, Protocol
from urllib.parse import urljoin, urlsplit

from aiohttp import ClientError, ClientResponse, ClientSession
from attrs import frozen

from customers.adapters.jwt.decoding import json_object
from customers.adapters.jwt.key_set import KeySet, NotKeys, NoUsableKeys

_DISCOVERY: Final = "/.well-known/openid-configuration"
_MAX_BYTES: Final = 1024 * 1024
_MAX_REDIRECTS: Final = 3
_REDIRECTS: Final = (301, 302, 303, 307, 308)


class CannotFetch(Exception):
    """The keys could not be fetched; the message says why, without secret parts of the URL."""


class NoKeysLeft(CannotFetch):
    """The provider answers with a JWKS that has no usable key: it has withdrawn all of them."""


class Provider(Protocol):
    async def fetch(self, session: ClientSession) -> KeySet:
        """The keys as they are now. Raises CannotFetch, and NoKeysLeft if there are none."""
        ...


@frozen
class JwksProvider(Provider):
    """A provider whose keys are at a known URL."""

    _url: str

    async def fetch(self, session: ClientSession) -> KeySet:
        content = await _content(session, self._url)
        try:
            return KeySet.parse(content)
        except NotKeys as error:
            kind = NoKeysLeft if isinstance(error, NoUsableKeys) else CannotFetch
            raise kind(f"the answer of {_shown(self._url)} {error}") from None


@frozen
class DiscoveredProvider(Provider):
    """An issuer whose OpenID discovery document names the URL of its keys."""

    _issuer: str

    async def fetch(self, session: ClientSession) -> KeySet:
        url = self._issuer.rstrip("/") + _DISCOVERY
        try:
            configuration = json_object(await _content(session, url))
        except ValueError:
            raise CannotFetch(f"the answer of {_shown(url)} is not a JSON object") from None
        if configuration.get("issuer") != self._issuer:
            raise CannotFetch(f"{_shown(url)} is the configuration of another issuer")
        return await JwksProvider(self._jwks_url(configuration, url)).fetch(session)

    def _jwks_url(self, configuration: dict[str, object], url: str) -> str:
        jwks_uri = configuration.get("jwks_uri")
        if not isinstance(jwks_uri, str) or _scheme(jwks_uri) not in (
            "https",
            _scheme(self._issuer),
        ):
            raise CannotFetch(f"{_shown(url)} names no jwks_uri with the scheme https")
        return jwks_uri


async def _content(session: ClientSession, url: str) -> bytes:
    """The body of the answer, after redirects. Raises CannotFetch."""
    try:
        for _ in range(_MAX_REDIRECTS + 1):
            async with session.get(url, allow_redirects=False) as response:
                if response.status not in _REDIRECTS:
                    return await _body(response, url)
                url = _target(response, url)
    except TimeoutError:
        raise CannotFetch(f"{_shown(url)} does not answer in time") from None
    except (ClientError, OSError, ValueError) as error:
        raise CannotFetch(f"{_shown(url)} cannot be read: {type(error).__name__}") from None
    raise CannotFetch(f"{_shown(url)} redirects too often")


def _target(response: ClientResponse, url: str) -> str:
    target = urljoin(url, response.headers.get("Location", ""))
    if _scheme(target) != _scheme(url):
        raise CannotFetch(f"{_shown(url)} redirects to another scheme")
    return target


async def _body(response: ClientResponse, url: str) -> bytes:
    if response.status != 200:
        raise CannotFetch(f"{_shown(url)} answers {response.status}")
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > _MAX_BYTES:
            raise CannotFetch(f"the answer of {_shown(url)} is larger than 1 MiB")
    return bytes(content)


def _scheme(url: str) -> str:
    try:
        return urlsplit(url).scheme
    except ValueError:
        return ""


def _shown(url: str) -> str:
    """The URL without user, password, query and fragment, which may be secret."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "the URL"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
