"""The journal of a customer: notes by staff, and communications sent or received."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self
from uuid import UUID

from attrs import asdict, evolve, frozen

from customers.core.errors import StatusBackward
from customers.core.model.values import ChoiceGate, TextGate


class CommunicationType(StrEnum):
    EMAIL = "email"
    SMS = "sms"
    CALL = "call"
    CHAT = "chat"


class Direction(StrEnum):
    INBOUND = "inbound"
    OUTBOUND = "outbound"


class CommunicationStatus(StrEnum):
    SENT = "sent"
    DELIVERED = "delivered"
    OPENED = "opened"
    CLICKED = "clicked"
    FAILED = "failed"


_NEXT_STATUSES = {
    CommunicationStatus.SENT: {"delivered", "opened", "clicked", "failed"},
    CommunicationStatus.DELIVERED: {"opened", "clicked", "failed"},
    CommunicationStatus.OPENED: {"clicked"},
    CommunicationStatus.CLICKED: set(),
    CommunicationStatus.FAILED: set(),
}

NoteText = Annotated[str, TextGate(max_length=10_000, multiline=True, blank=False)]
CommunicationTypeChoice = Annotated[CommunicationType, ChoiceGate(CommunicationType)]
DirectionChoice = Annotated[Direction, ChoiceGate(Direction)]
CommunicationStatusChoice = Annotated[CommunicationStatus, ChoiceGate(CommunicationStatus)]
Subject = Annotated[str, TextGate(max_length=255)]
Content = Annotated[str, TextGate(max_length=100_000, multiline=True)]
ExternalId = Annotated[str, TextGate(max_length=255)]


@frozen(kw_only=True)
class NoteDetails:
    note: NoteText


@frozen(kw_only=True)
class Note:
    id: UUID
    customer_id: UUID
    tenant_id: str
    note: str
    created_by: UUID | None = None
    created_at: datetime
    updated_at: datetime


@frozen(kw_only=True)
class CommunicationDetails:
    """A new communication; its status will be `sent`. An empty `external_id` means none."""

    communication_type: CommunicationTypeChoice
    direction: DirectionChoice
    subject: Subject = ""
    content: Content = ""
    external_id: ExternalId = ""


@frozen(kw_only=True)
class StatusMove:
    status: CommunicationStatusChoice


@frozen(kw_only=True)
class Communication:
    """A message, chat or call.

    `(customer_id, communication_type, external_id)` is unique unless `external_id` is empty.
    """

    id: UUID
    customer_id: UUID
    tenant_id: str
    communication_type: CommunicationType
    direction: Direction
    subject: str = ""
    content: str = ""
    status: CommunicationStatus = CommunicationStatus.SENT
    external_id: str = ""
    created_at: datetime

    @classmethod
    def new(
        cls,
        details: CommunicationDetails,
        *,
        id: UUID,
        customer_id: UUID,
        tenant_id: str,
        now: datetime,
    ) -> Self:
        values = asdict(details)
        return cls(id=id, customer_id=customer_id, tenant_id=tenant_id, created_at=now, **values)

    def move(self, status: CommunicationStatus) -> Self:
        """The communication with this status; itself if nothing changes. Raises StatusBackward."""
        if status is self.status:
            return self
        if status.value not in _NEXT_STATUSES[self.status]:
            raise StatusBackward(f"a communication that was {self.status} cannot become {status}")
        return evolve(self, status=status)
