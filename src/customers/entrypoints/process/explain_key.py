"""The command `customers access explain --key`: prints what a caller with the key may do."""

from datetime import datetime
from uuid import UUID

from customers.core.model.api_key import ApiKey
from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container import Container
from customers.entrypoints.observability.output import Output
from customers.entrypoints.process.keys_command import stored_keys, text_of, values_of


async def explain_key(settings: Settings, key_id: UUID, output: Output) -> None:
    """Prints what a key allows. Raises ApiKeyNotFound, and as `stored_keys` does."""
    async with stored_keys(settings) as keys:
        key = await keys.get(key_id)
    now = Container(settings=settings, dsn="").clock().now()
    principal = key.principal
    may = sorted(principal.permissions)
    state = _state(key, now)
    output.show(
        f"the key {key.id} {key.name and f'({key.name}) '}{state}: a caller with it is the "
        f"{principal.kind} {principal.subject}, acts for tenant {key.tenant_id}, and may do "
        f"{', '.join(may) or 'nothing'}",
        **values_of(key)
        | {
            "kind": str(principal.kind),
            "subject": principal.subject,
            "may": [str(permission) for permission in may],
            "is_valid": key.revoked_at is None and not key.has_expired(now),
            "revoked_at": text_of(key.revoked_at),
        },
    )


def _state(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return f"was revoked at {text_of(key.revoked_at)} and is refused"
    if key.expires_at is None:
        return "is valid until it is revoked"
    verb = "expired at" if key.has_expired(now) else "is valid until"
    return f"{verb} {text_of(key.expires_at)}{' and is refused' if key.has_expired(now) else ''}"
