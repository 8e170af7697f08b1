"""Roles that own nothing, as which the service runs behind row-level security."""

from urllib.parse import quote, urlsplit
from uuid import uuid4

from customers.adapters.postgres.programs.service_role import grant_to_service_role
from tests.support.databases import rows


async def new_role(url: str, options: str = "LOGIN") -> str:
    """The name of a new role on the server of `url`."""
    name = f"service_{uuid4().hex}"
    await rows(url, f"CREATE ROLE {name} {options} PASSWORD '{name}'")
    return name


def url_as(url: str, role: str) -> str:
    """The URL of the same database for a role that `new_role` created."""
    parts = urlsplit(url)
    location = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{role}:{quote(role)}@{location}").geturl()


async def service_url(url: str) -> str:
    """The URL of a migrated database for a new role that may only serve."""
    role = await new_role(url)
    await grant_to_service_role(url, role)
    return url_as(url, role)
