"""Asking a service whether it is ready, as a container's health check does."""

from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

SECONDS = 4.0


def trouble_at(url: str) -> str | None:
    """Why the service at that address is not ready; None when it is."""
    address = f"{url.rstrip('/')}/ready"
    if not address.startswith(("http://", "https://")):
        return f"{url}: an address begins with http:// or https://"
    straight = build_opener(ProxyHandler({}))  # whatever proxy the environment names
    try:
        with straight.open(address, timeout=SECONDS) as answered:
            return None if answered.status == 200 else f"{address} answers {answered.status}"
    except HTTPError as error:
        with error:
            return f"{address} answers {error.code}"
    except (URLError, HTTPException, OSError, ValueError) as error:
        return f"{address} does not answer: {error}"
