"""The customers who are created one by one: those of a tenant that wait together share a statement.

A statement leaves out the customers whose e-mail address another transaction has locked, and no
two statements are about the same address at once. `bulkheads.groups` says how customers that were
left out are tried again. When the connection is lost, it is unknown whether the customers were
added, so none is tried again.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from attrs import define

from customers.adapters.postgres.customers.customer_groups import try_add
from customers.adapters.postgres.customers.customer_writes import ADD
from customers.adapters.postgres.customers.rows import CUSTOMERS
from customers.adapters.postgres.engine.faults import was_rolled_back
from customers.adapters.postgres.engine.session import Session
from customers.bulkheads.groups import LEFT_OUT, GroupObserver, Groups, LeftOut
from customers.core.model.customer import Customer


@define(eq=False)
class _Create:
    customer: Customer


class SharedCreates:
    """Adds the customers of all tenants, over sessions of one storage."""

    def __init__(
        self,
        session: Callable[[str], AbstractAsyncContextManager[Session]],
        observer: GroupObserver,
    ) -> None:
        self._groups = Groups(
            session,
            _add,
            observer,
            may_repeat=was_rolled_back,
            subject_of=lambda create: create.customer.email_key,
            insist=_add_alone,
        )

    async def add(self, tenant_id: str, customer: Customer) -> bool:
        """See `Autocommit.add_customer`."""
        return await self._groups.call(tenant_id, _Create(customer)) is True

    async def close(self) -> None:
        """Waits until no create is under way."""
        await self._groups.close()


async def _add(session: Session, creates: Sequence[_Create]) -> Mapping[_Create, bool | LeftOut]:
    results = await try_add(session, [create.customer for create in creates])
    answers: dict[_Create, bool | LeftOut] = {}
    for create in creates:
        is_added = results[create.customer.id]
        answers[create] = LEFT_OUT if is_added is None else is_added
    return answers


async def _add_alone(session: Session, create: _Create) -> bool:
    return await session.row(ADD, **CUSTOMERS.write(create.customer)) is not None
