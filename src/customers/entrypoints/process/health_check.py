"""Checks over HTTP whether a service is ready, for the health check of a container."""

import json
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

TIMEOUT_SECONDS = 4.0
MAX_BYTES = 10_000


def readiness_problem(base_url: str) -> str | None:
    """Why the service at that URL is not ready, or None if it is."""
    url = f"{base_url.rstrip('/')}/ready"
    if not url.startswith(("http://", "https://")):
        return f"{base_url}: a URL must begin with http:// or https://"
    opener = build_opener(ProxyHandler({}))  # ignores the proxies of the environment
    try:
        with opener.open(url, timeout=TIMEOUT_SECONDS) as response:
            return None if response.status == 200 else f"{url} answered {response.status}"
    except HTTPError as error:
        with error:
            return f"{url} answered {error.code}{_reason(error.read(MAX_BYTES))}"
    except (URLError, HTTPException, OSError, ValueError) as error:
        return f"{url} did not answer: {error}"


def _reason(body: bytes) -> str:
    """The message of an answer, if it has one."""
    try:
        message = json.loads(body)["message"]
    except (ValueError, KeyError, TypeError):
        return ""
    return f": {message}"
