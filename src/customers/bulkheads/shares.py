"""Decides which tenant gets the next free place. Nothing here waits: `turnstile` makes tasks wait.

- A tenant's share is a third of the places, rounded down, but at least two. While others wait, a
  tenant that has its share gets no more.
- While no others wait, it gets more, but leaves a reserve free: a fifth of the places, rounded up;
  none of one or two. Without the reserve, a tenant whose statements hang would have every place
  when the next tenant comes.
- A tenant never has more than `per_tenant` places, if that is set; if it is less than the share,
  it is the share.
- Waiting tenants are served in turn; the waiters of one tenant first come, first served.
"""

from collections import deque
from math import ceil
from typing import Generic, TypeVar

from attrs import frozen

Waiter = TypeVar("Waiter")

MIN_SHARE = 2


@frozen(kw_only=True)
class Usage:
    """The number of places in all, of taken places, and of those that the busiest tenant has taken;
    and the number of waiters.
    """

    size: int
    taken: int
    busiest: int
    waiting: int


class Shares(Generic[Waiter]):
    """The places, which tenants have them, and the waiters of each tenant."""

    def __init__(self, size: int, per_tenant: int | None = None) -> None:
        self._per_tenant = size if per_tenant is None else per_tenant
        self._share = max(MIN_SHARE, size // 3)
        if per_tenant is not None:
            self._share = min(self._share, per_tenant)
        self._reserve = ceil(size / 5) if size > MIN_SHARE else 0
        self._size = self._free = size
        self._taken: dict[str, int] = {}
        # The waiters by tenant; the tenants are in the order in which they are served.
        self._queues: dict[str, deque[Waiter]] = {}

    def take(self, tenant_id: str) -> bool:
        """Takes a place if the tenant may have one at once; returns whether it did."""
        if not self.has_place_for(tenant_id):
            return False
        self._take(tenant_id)
        return True

    def has_place_for(self, tenant_id: str) -> bool:
        """Whether the tenant may have a place at once."""
        if self._has_all_it_may_have(tenant_id):
            return False
        has_share = self._taken.get(tenant_id, 0) >= self._share
        if self._queues and (has_share or tenant_id in self._queues):
            return False
        return self._free > (self._reserve if has_share else 0)

    def give_back(self, tenant_id: str) -> bool:
        """Frees a place of the tenant; returns whether anyone waits for one (see `admit_next`)."""
        self._free += 1
        left = self._taken[tenant_id] - 1
        if left:
            self._taken[tenant_id] = left
        else:
            del self._taken[tenant_id]
        return bool(self._queues)

    def add_waiter(self, tenant_id: str, waiter: Waiter) -> None:
        self._queues.setdefault(tenant_id, deque()).append(waiter)

    def remove_waiter(self, tenant_id: str, waiter: Waiter) -> None:
        """Removes a waiter who gave up, unless already admitted; call `admit_next` afterwards."""
        queue = self._queues.get(tenant_id, ())
        if waiter in queue:
            self._queues[tenant_id].remove(waiter)
            if not self._queues[tenant_id]:
                del self._queues[tenant_id]

    def admit_next(self) -> tuple[str, Waiter] | None:
        """Gives a place to the next waiter who may have one; returns the tenant and the waiter, or
        None if nobody may have one.
        """
        tenant_id = next(filter(self._may_take, self._queues), None)
        if tenant_id is None:
            return None
        queue = self._queues.pop(tenant_id)
        waiter = queue.popleft()
        if queue:
            self._queues[tenant_id] = queue  # behind the other tenants
        self._take(tenant_id)
        return tenant_id, waiter

    def waiters(self) -> list[Waiter]:
        """All waiters of all tenants."""
        return [waiter for queue in self._queues.values() for waiter in queue]

    def has_its_share(self, tenant_id: str) -> bool:
        """Whether the tenant has at least its share of the places."""
        return self._taken.get(tenant_id, 0) >= self._share

    def usage(self) -> Usage:
        return Usage(
            size=self._size,
            taken=self._size - self._free,
            busiest=max(self._taken.values(), default=0),
            waiting=sum(map(len, self._queues.values())),
        )

    def _has_all_it_may_have(self, tenant_id: str) -> bool:
        return self._taken.get(tenant_id, 0) >= self._per_tenant

    def _may_take(self, tenant_id: str) -> bool:
        if self._has_all_it_may_have(tenant_id):
            return False
        if self._taken.get(tenant_id, 0) < self._share:
            return self._free > 0
        return self._free > self._reserve and not self._others_wait(tenant_id)

    def _others_wait(self, tenant_id: str) -> bool:
        return len(self._queues) > (tenant_id in self._queues)

    def _take(self, tenant_id: str) -> None:
        self._free -= 1
        self._taken[tenant_id] = self._taken.get(tenant_id, 0) + 1
