"""The shapes of API keys."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, TypedDict
from uuid import UUID


class ApiKey(TypedDict):
    id: UUID
    name: str
    permissions: Annotated[Sequence[str], "As they were sent; wildcards are kept."]
    tenantId: str
    expiresAt: datetime | None
    createdAt: datetime
    lastUsedAt: Annotated[datetime | None, "In whole minutes; null before the first use."]


class NewApiKey(ApiKey):
    key: Annotated[str, "The key itself, which is never shown again."]
