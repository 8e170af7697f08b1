"""What is written down about a customer: notes by staff, and communications sent or received."""

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


_ONWARD = {
    CommunicationStatus.SENT: {"delivered", "opened", "clicked", "failed"},
    CommunicationStatus.DELIVERED: {"opened", "clicked", "failed"},
    CommunicationStatus.OPENED: {"clicked"},
    CommunicationStatus.CLICKED: set(),
    CommunicationStatus.FAILED: set(),
}

NoteText = Annotated[str, TextGate(most=10_000, lines=True, blank=False)]
TypeChoice = Annotated[CommunicationType, ChoiceGate(CommunicationType)]
DirectionChoice = Annotated[Direction, ChoiceGate(Direction)]
StatusChoice = Annotated[CommunicationStatus, ChoiceGate(CommunicationStatus)]
Subject = Annotated[str, TextGate(most=255)]
Content = Annotated[str, TextGate(most=100_000, lines=True)]
ExternalId = Annotated[str, TextGate(most=255)]


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
    """A communication as given; it starts as sent. An empty `external_id` is none."""

    communication_type: TypeChoice
    direction: DirectionChoice
    subject: Subject = ""
    content: Content = ""
    external_id: ExternalId = ""


@frozen(kw_only=True)
class StatusMove:
    status: StatusChoice


@frozen(kw_only=True)
class Communication:
    """One message or call. `(customer_id, communication_type, external_id)` is unique when set."""

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
        told = asdict(details)
        return cls(id=id, customer_id=customer_id, tenant_id=tenant_id, created_at=now, **told)

    def move(self, status: CommunicationStatus) -> Self:
        """With the status moved on; itself when it is there. Raises StatusBackward."""
        if status is self.status:
            return self
        if status.value not in _ONWARD[self.status]:
            raise StatusBackward(f"a communication that was {self.status} cannot become {status}")
        return evolve(self, status=status)
