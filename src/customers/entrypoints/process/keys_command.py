"""The commands `customers keys create`, `customers keys list` and `customers keys revoke`."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from customers.core.errors import Invalid, InvalidValue
from customers.core.model.api_key import ApiKey, ApiKeyDetails
from customers.core.model.moments import MomentGate
from customers.core.model.principal import ANYONE
from customers.core.services.api_keys import ApiKeys
from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container import Container
from customers.entrypoints.observability.output import Output
from customers.entrypoints.process.opened_parts import opened_parts
from customers.entrypoints.process.persistent_database import persistent_database

_DURATION: Final = re.compile(r"([1-9][0-9]{0,5})([dhm])", re.ASCII)
_UNITS: Final = {"d": "days", "h": "hours", "m": "minutes"}


@asynccontextmanager
async def stored_keys(settings: Settings) -> AsyncIterator[ApiKeys]:
    """The use case for the keys in the configured database, while the block runs. Raises
    NoDatabase, and Unavailable if the service could not use the database.
    """
    async with persistent_database(settings) as dsn, opened_parts(settings, dsn) as parts:
        yield parts.api_keys()


async def create(
    settings: Settings, output: Output, *, tenant: str, permissions: str, name: str, expires: str
) -> None:
    """Creates a key and prints it, for the only time. Raises Invalid, ApiKeyLimitExceeded, and as
    `stored_keys` does.
    """
    parts = Container(settings=settings, dsn="")
    tenant_id = _tenant(settings, tenant)
    fields = {"name": name, "permissions": [part.strip() for part in permissions.split(",")]}
    if expires:
        fields["expiresAt"] = expiry(expires, parts.clock().now()).isoformat()
    details = parts.decoder().decode(ApiKeyDetails, fields)
    async with stored_keys(settings) as keys:
        new = await keys.create(tenant_id, details, principal=ANYONE)
    usage = "send it as `Authorization: Bearer KEY`; it is not shown again"
    shown = "" if output.as_json else f":\n{new.text}"
    output.show(
        f"created the key {new.key.id} of tenant {tenant_id}: {usage}{shown}",
        key=new.text,
        **values_of(new.key),
    )


async def list_all(settings: Settings, output: Output, *, tenant: str | None) -> None:
    """Prints the keys of a tenant, else of all tenants, newest first, without the revoked ones."""
    tenant_id = None if tenant is None else _tenant(settings, tenant)
    async with stored_keys(settings) as stored:
        every = tenant_id is None
        keys = await (stored.of_every_tenant() if tenant_id is None else stored.all(tenant_id))
    for key in keys:
        prefix = f"{key.tenant_id}  " if every else ""
        output.show(f"{prefix}{_sentence(key)}", **values_of(key))
    if not keys and not output.as_json:
        output.info("no tenant has keys" if every else f"tenant {tenant_id} has no keys")


async def revoke(settings: Settings, output: Output, key_id: UUID) -> None:
    """Revokes a key by its id alone. Raises ApiKeyNotFound, and as `stored_keys` does."""
    async with stored_keys(settings) as keys:
        key = await keys.revoke_of_any_tenant(key_id)
    output.show(
        f"revoked the key {key.id} of tenant {key.tenant_id}: it stops within five seconds",
        **values_of(key),
    )


def values_of(key: ApiKey) -> dict[str, object]:
    """The values of a key for JSON output, without its secret."""
    return {
        "id": str(key.id),
        "tenant_id": key.tenant_id,
        "name": key.name,
        "permissions": list(key.permissions),
        "created_at": key.created_at.isoformat(),
        "expires_at": text_of(key.expires_at),
        "last_used_at": text_of(key.last_used_at),
    }


def text_of(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def expiry(text: str, now: datetime) -> datetime:
    """The moment of an expiry: `text` is a duration from now, such as 90d, 12h or 30m, or a date
    and time. Raises Invalid.
    """
    try:
        if match := _DURATION.fullmatch(text):
            return now + timedelta(**{_UNITS[match[2]]: int(match[1])})
        return MomentGate().read(text)
    except (InvalidValue, OverflowError):
        message = "must be a duration such as 90d, 12h or 30m, or a date and time with an offset"
        raise Invalid([InvalidValue("INVALID_FORMAT", message).at("expires")]) from None


def _tenant(settings: Settings, text: str) -> str:
    try:
        return Container(settings=settings, dsn="").tenants().read(text)
    except InvalidValue as error:
        raise Invalid([error.at("tenant")]) from None


def _sentence(key: ApiKey) -> str:
    expires = f"expires {text_of(key.expires_at)}" if key.expires_at else "does not expire"
    used = f"last used {text_of(key.last_used_at)}" if key.last_used_at else "never used"
    permissions = ",".join(key.permissions)
    return f"{key.id}  {key.name or '(no name)'}  {permissions}  {expires}, {used}"
