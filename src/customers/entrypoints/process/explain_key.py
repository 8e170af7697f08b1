"""The command `customers access explain --key`: prints what a caller with the key may do."""

import sys
from datetime import datetime
from uuid import UUID

from customers.core.model.api_key import ApiKey
from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container import Container
from customers.entrypoints.observability.output import Output
from customers.entrypoints.process.keys_command import stored_keys, text_of, values_of


async def explain_key(settings: Settings, key_id: UUID, output: Output) -> None:
    """Prints what a key allows, or exits with 1 and the reason why it is refused. Raises
    ApiKeyNotFound, and as `stored_keys` does.
    """
    async with stored_keys(settings) as keys:
        key = await keys.get(key_id)
    now = Container(settings=settings, dsn="").clock().now()
    principal = key.principal
    if refusal := _refusal(key, now):
        output.error(f"the key {key.id} {refusal}: a caller with it is refused with 401", prefix="")
        sys.exit(1)
    may = sorted(principal.permissions)
    until = "it is revoked" if key.expires_at is None else text_of(key.expires_at)
    output.show(
        f"the key {key.id} {key.name and f'({key.name}) '}is valid until {until}: a caller with "
        f"it is the {principal.kind} {principal.subject}, acts for tenant {key.tenant_id}, and may "
        f"do {', '.join(may) or 'nothing'}",
        **values_of(key)
        | {
            "kind": str(principal.kind),
            "subject": principal.subject,
            "may": [str(permission) for permission in may],
            "is_valid": True,
        },
    )


def _refusal(key: ApiKey, now: datetime) -> str | None:
    """Since when the key is refused, and why; None for a valid key."""
    if key.revoked_at is not None:
        return f"was revoked at {text_of(key.revoked_at)}"
    return f"expired at {text_of(key.expires_at)}" if key.has_expired(now) else None
