"""The address of a database as people see it: host, port, database and role, without secrets."""

from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

from attrs import frozen

PORT = 5432


@frozen(kw_only=True)
class DatabaseAddress:
    """The server, database and role that a URL names, with PostgreSQL's defaults."""

    host: str
    port: str
    database: str
    role: str

    @classmethod
    def of(cls, dsn: str) -> Self:
        """The address in a `postgresql://` URL; parameters of its query fill what it lacks."""
        url = urlsplit(dsn)
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        _, _, location = url.netloc.rpartition("@")
        host, port = _host_and_port(location)
        role = unquote(url.username or "") or query.get("user")
        database = unquote(url.path.lstrip("/")) or query.get("dbname") or query.get("database")
        return cls(
            host=host or query.get("host") or "localhost",
            port=port or query.get("port") or str(PORT),
            role=role or "that of the operating system's user",
            database=database or role or "that named as the role",
        )

    def __str__(self) -> str:
        if "," in self.host:
            return f"PostgreSQL at {self.host}, database {self.database}, role {self.role}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"PostgreSQL at {host}:{self.port}, database {self.database}, role {self.role}"


def _host_and_port(location: str) -> tuple[str, str]:
    """The host and the port of `host`, `host:port` or `[address]:port`.

    A list of several hosts is returned as it is, without a port.
    """
    if "," in location:
        return location, ""
    if location.startswith("["):
        host, _, rest = location[1:].partition("]")
        return host, rest.removeprefix(":")
    host, _, port = location.partition(":")
    return unquote(host), port
