"""Checks over HTTP whether a service is ready, for the health check of a container."""

import json
import ssl
from http.client import BadStatusLine, HTTPException
from urllib.error import HTTPError, URLError
from urllib.request import HTTPSHandler, ProxyHandler, build_opener

from customers.entrypoints.config.setting_types import without_passwords

TIMEOUT_SECONDS = 4.0
MAX_BYTES = 10_000


def readiness_problem(base_url: str, *, is_own: bool = False) -> str | None:
    """Why the service at the URL is not ready, and what to do; None if it is ready.

    `is_own` means that the service runs in this container. Its certificate is then not verified,
    because it does not name the local address. Passwords in the URL are masked.
    """
    if problem := _url_problem(base_url):
        return f"{without_passwords(base_url)}: {problem}"
    url = f"{base_url.rstrip('/')}/ready"
    context = ssl.create_default_context()
    if is_own:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    # Ignores the proxies that environment variables set.
    opener = build_opener(ProxyHandler({}), HTTPSHandler(context=context))
    try:
        with opener.open(url, timeout=TIMEOUT_SECONDS) as response:
            return None if response.status == 200 else f"{url} answered {response.status}"
    except HTTPError as error:
        with error:
            return f"{url} answered {error.code}{_reason(error.read(MAX_BYTES))}"
    except (BadStatusLine, OSError) as error:  # URLError is an OSError
        return f"{url} did not answer: {_cause(error)}; start the service, or correct --url"
    except (HTTPException, ValueError):
        return f"{url}: the URL is not valid: correct --url"


def _url_problem(base_url: str) -> str | None:
    if not base_url.startswith(("http://", "https://")):
        return "a URL must begin with http:// or https://"
    if "@" in base_url:
        return "a URL must not have a user or a password, which the service does not take"
    return None


def _cause(error: BadStatusLine | OSError) -> str:
    """The cause in words, without the errno of an OSError."""
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, BadStatusLine) and not isinstance(cause, OSError):
        return "the answer is not HTTP"
    words = str(getattr(cause, "strerror", None) or cause)
    return words[:1].lower() + words[1:]


def _reason(body: bytes) -> str:
    """The message of an answer, if it has one."""
    try:
        message = json.loads(body)["message"]
    except (ValueError, KeyError, TypeError):
        return ""
    return f": {message}"
