"""A database URL as PostgreSQL's own programs take it: without secrets, which others could read in
the list of processes.
"""

from collections.abc import Mapping
from typing import Self
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from attrs import frozen

_PARAMETERS = frozenset(
    "application_name channel_binding client_encoding connect_timeout dbname "
    "fallback_application_name gssdelegation gssencmode gsslib host hostaddr keepalives "
    "keepalives_count keepalives_idle keepalives_interval krbsrvname load_balance_hosts options "
    "passfile port require_auth requirepeer service ssl_max_protocol_version "
    "ssl_min_protocol_version sslcert sslcertmode sslcompression sslcrl sslcrldir sslkey sslmode "
    "sslnegotiation sslrootcert sslsni target_session_attrs tcp_user_timeout user".split()
)
# asyncpg's names for parameters of libpq, and the parameters that are left out.
_RENAMED = {"database": "dbname", "ssl": "sslmode"}
_IGNORED = frozenset(("pgbouncer", "sslpassword"))


@frozen(kw_only=True)
class LibpqUrl:
    """The URL without its password, and the environment variables that go with it."""

    url: str
    variables: Mapping[str, str]

    @classmethod
    def of(cls, dsn: str) -> Self:
        """The libpq form of a URL that asyncpg takes. Settings of the server in it, such as
        `?search_path=shop`, become the parameter `options`.
        """
        parts = urlsplit(dsn)
        login, at, hosts = parts.netloc.rpartition("@")
        user, _, password = login.partition(":")
        parameters, settings = _split(parts.query)
        password = parameters.pop("password", unquote(password))
        if settings:
            parameters["options"] = " ".join(filter(None, (parameters.get("options"), settings)))
        # libpq does not read "+" as a space.
        query = "?" + urlencode(parameters).replace("+", "%20") if parameters else ""
        url = f"{parts.scheme}://{user}{at}{hosts}{parts.path}{query}"
        return cls(url=url, variables={"PGPASSWORD": password} if password else {})


def _split(query: str) -> tuple[dict[str, str], str]:
    """The parameters of libpq, and the settings of the server as options of its command line."""
    parameters, options = {}, []
    for key, value in parse_qsl(query):
        name = _RENAMED.get(key, key)
        if name in _PARAMETERS or name == "password":
            parameters[name] = value
        elif name not in _IGNORED:
            escaped = value.replace("\\", "\\\\").replace(" ", "\\ ")
            options.append(f"-c {name}={escaped}")
    return parameters, " ".join(options)
