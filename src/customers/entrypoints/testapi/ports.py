"""The ports of the test API: what it needs from adapters to control them.

They extend the ports of the core, which have nothing that only tests need.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from attrs import frozen

from customers.core.model.json_pointer import JsonPointer
from customers.core.model.verification import VerificationMail
from customers.core.ports.clock import Clock, IdGenerator
from customers.core.ports.storage import Storage
from customers.core.services.api_keys import ApiKeys
from customers.core.services.customers import Customers
from customers.core.services.erasure import Erasures
from customers.core.services.orders import Orders
from customers.core.services.segments import Segments
from customers.core.services.sweeper import Sweeper
from customers.entrypoints.access.own_tokens import OwnTokens
from customers.entrypoints.json.decode import Decoder
from customers.entrypoints.json.encode import Encoder


class ControllableClock(Clock, Protocol):
    @property
    def is_frozen(self) -> bool:
        """Whether time moves only on request."""
        ...

    def freeze(self, moment: datetime) -> None:
        """Freezes the clock at `moment`."""
        ...

    def advance(self, by: timedelta) -> None:
        """Moves the clock ahead; a running clock goes on running.

        Raises OverflowError beyond the end of the calendar.
        """
        ...

    def run_from(self, moment: datetime) -> None:
        """Sets the clock to `moment`, from which it runs."""
        ...

    def reset(self) -> None:
        """Resets the clock to its state at the start of the process."""
        ...


class ControllableIds(IdGenerator, Protocol):
    def scope(
        self, tenant_id: str, kind: str, next_id: UUID | None = None
    ) -> AbstractContextManager[None]:
        """Within the block, `new` generates ids of one kind in one tenant, `next_id` first."""
        ...

    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """How many sequential ids were generated, by tenant and kind."""
        ...

    def count_from(self, counts: Mapping[str, Mapping[str, int]]) -> None:
        """Continues from these counts; kinds they do not name start from the beginning."""
        ...


class ControllableStorage(Protocol):
    def dump(self) -> dict[str, Any]:
        """All committed data, by tenant, as JSON values."""
        ...

    async def restore(self, data: object, at: JsonPointer = ...) -> None:
        """Replaces all data with a dump. `at` is the place of the dump in its JSON document.

        Raises Invalid, with a pointer to each bad place, and then changes nothing.
        """
        ...

    async def forget(self, tenant_id: str | None = None) -> None:
        """Deletes all data of one tenant, or of all tenants."""
        ...


class ControllableMails(Protocol):
    def mails(self, tenant_id: str = "") -> Sequence[VerificationMail]:
        """The mails that were sent to customers of one tenant, or of all, the newest first."""
        ...

    def clear(self, tenant_id: str = "") -> None:
        """Deletes the mails of one tenant, or of all."""
        ...


@frozen(kw_only=True)
class ControlledService:
    """The parts of a service that its test API controls or uses.

    `own_tokens` is None where the service has no key of its own to sign tokens with.
    """

    storage: Storage
    controllable_storage: ControllableStorage
    clock: ControllableClock
    ids: ControllableIds
    decoder: Decoder
    encoder: Encoder
    customers: Customers
    orders: Orders
    segments: Segments
    api_keys: ApiKeys
    erasures: Erasures
    sweeper: Sweeper
    mails: ControllableMails
    own_tokens: OwnTokens | None
    is_authenticating: bool
