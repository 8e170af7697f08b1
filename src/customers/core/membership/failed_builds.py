"""Failed builds of segments: how a failure is recognised, and how it is recorded.

A build fails when evaluating the rule takes longer than a statement may, or raises an error. The
failure is recorded in a transaction of its own, because that of the build is rolled back.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from customers.core.errors import CustomersError
from customers.core.errors.availability import Unavailable
from customers.core.model.membership import RefreshState
from customers.core.model.segment import Segment
from customers.core.ports.retry import retries_conflict
from customers.core.ports.storage import Storage, Transaction

Result = TypeVar("Result")


class BuildFailed(Exception):
    """Evaluating a segment failed. `in_step` records the failure, then raises this error again."""

    def __init__(self, segment: Segment, refresh_state: RefreshState) -> None:
        super().__init__(f"the build of segment {segment.id} failed")
        self.segment_id = segment.id
        self.refresh_state = refresh_state


@contextmanager
def evaluating(segment: Segment, refresh_state: RefreshState) -> Iterator[None]:
    """Raises BuildFailed if its block, which evaluates the segment, fails: for a statement timeout,
    and for any exception that is not a CustomersError. Other CustomersErrors pass unchanged.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, CustomersError) and not is_timeout(error):
            raise
        raise BuildFailed(segment, refresh_state) from error


def is_timeout(error: Exception) -> bool:
    """Whether the error is that a statement took longer than it may."""
    return isinstance(error, Unavailable) and (
        error.fault is not None and error.fault.kind == "statement_timeout"
    )


@retries_conflict
async def in_step(
    storage: Storage, tenant_id: str, step: Callable[[Transaction], Awaitable[Result]]
) -> Result:
    """Runs a step in a transaction that holds the membership lock, and returns its result. Raises
    BuildFailed, after recording it, when evaluating a segment fails in the step.
    """
    try:
        async with storage.transaction(tenant_id) as tx:
            await tx.memberships.acquire_lock()
            return await step(tx)
    except BuildFailed as failure:
        await _record(storage, tenant_id, failure)
        raise


@retries_conflict
async def _record(storage: Storage, tenant_id: str, failure: BuildFailed) -> None:
    """Records a failure, unless another build of the segment has begun since."""
    segment_id, failed = failure.segment_id, failure.refresh_state
    async with storage.transaction(tenant_id) as tx:
        await tx.memberships.acquire_lock()
        stored = (await tx.memberships.refresh_states([segment_id])).get(segment_id)
        if stored is not None and stored.is_same_build(failed):
            await tx.memberships.save_refresh_state(segment_id, stored.failed())
