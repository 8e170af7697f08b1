"""Id generators: ids that sort by age, and ids that tests can predict."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from hashlib import sha256
from uuid import UUID

from attrs import define, field, frozen
from uuid_utils.compat import uuid7

from customers.core.ports.clock import IdGenerator

_VERSION_7 = 0x7 << 76
_VARIANT = 0b10 << 62


class TimeOrderedIds(IdGenerator):
    """Generates UUIDv7. `uuid_utils` continues from the last id of this process, so ids are in
    order even within a millisecond and when the system clock is set back.
    """

    def new(self) -> UUID:
        return uuid7()


@frozen
class _Scope:
    """The tenant and the kind of the ids generated in a block, and the ids to use first."""

    tenant_id: str
    kind: str
    next_ids: list[UUID]


_SCOPE: ContextVar[_Scope | None] = ContextVar("id scope", default=None)


@define(kw_only=True)
class ScriptedIds(IdGenerator):
    """Generates ids for tests. A `scope` can set the next id; with `is_sequential`, its other ids
    depend only on the seed, the tenant, the kind and a count. Outside a scope ids are UUIDv7.

    Sequential ids have the form of UUIDv7, and their last twelve hexadecimal digits are the count.
    """

    _is_sequential: bool = False
    _seed: int = 0
    _time_ordered: IdGenerator = field(factory=TimeOrderedIds)
    _counts: dict[tuple[str, str], int] = field(factory=dict, init=False)

    def new(self) -> UUID:
        scope = _SCOPE.get()
        if scope is not None and scope.next_ids:
            return scope.next_ids.pop()
        if scope is None or not self._is_sequential:
            return self._time_ordered.new()
        return self._next(scope.tenant_id, scope.kind)

    @contextmanager
    def scope(self, tenant_id: str, kind: str, next_id: UUID | None = None) -> Iterator[None]:
        """Within the block, `new` generates ids of one kind in one tenant, `next_id` first."""
        next_ids = [] if next_id is None else [next_id]
        token = _SCOPE.set(_Scope(tenant_id, kind, next_ids))
        try:
            yield
        finally:
            _SCOPE.reset(token)

    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """The number of sequential ids generated so far, by tenant and kind."""
        counts: dict[str, dict[str, int]] = {}
        for (tenant_id, kind), count in sorted(self._counts.items()):
            counts.setdefault(tenant_id, {})[kind] = count
        return counts

    def count_from(self, counts: Mapping[str, Mapping[str, int]]) -> None:
        """Continues from these counts; kinds without a count start from zero."""
        self._counts = {
            (tenant_id, kind): count
            for tenant_id, counts_by_kind in counts.items()
            for kind, count in counts_by_kind.items()
        }

    def _next(self, tenant_id: str, kind: str) -> UUID:
        key = (tenant_id, kind)
        self._counts[key] = count = self._counts.get(key, 0) + 1
        prefix = int.from_bytes(sha256("\0".join((str(self._seed), *key)).encode()).digest()[:8])
        first, second = prefix >> 16, prefix & 0xFFF
        return UUID(int=first << 80 | _VERSION_7 | second << 64 | _VARIANT | count)
