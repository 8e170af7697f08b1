"""The shapes of API keys."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, TypedDict
from uuid import UUID


class ApiKey(TypedDict):
    id: UUID
    name: str
    permissions: Annotated[Sequence[str], "As they were sent, wildcards included."]
    tenantId: str
    expiresAt: datetime | None
    createdAt: datetime
    lastUsedAt: Annotated[datetime | None, "To the minute; null before the first use."]


class NewApiKey(ApiKey):
    key: Annotated[str, "The key itself, which is never shown again."]
