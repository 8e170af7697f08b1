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
    """UUIDv7. `uuid_utils` continues from the last id of this process, so the order holds within a
    millisecond and when the machine's clock is set back.
    """

    def new(self) -> UUID:
        return uuid7()


@frozen
class _Scope:
    """What the ids of one block of code are for; `next_id` is the first of them, if given."""

    tenant_id: str
    kind: str
    given: list[UUID]


_SCOPE: ContextVar[_Scope | None] = ContextVar("id scope", default=None)


@define(kw_only=True)
class ScriptedIds(IdGenerator):
    """Ids for tests. Within `scope` an id can be given in advance; with `is_sequential` the others
    depend on the seed, the tenant, the kind and a count alone.

    What happens in other tenants does not change them. Sequential ids have the form of UUIDv7, and
    their last twelve digits are the count.
    """

    _is_sequential: bool = False
    _seed: int = 0
    _time_ordered: IdGenerator = field(factory=TimeOrderedIds)
    _counts: dict[tuple[str, str], int] = field(factory=dict, init=False)

    def new(self) -> UUID:
        scope = _SCOPE.get()
        if scope is not None and scope.given:
            return scope.given.pop()
        if scope is None or not self._is_sequential:
            return self._time_ordered.new()
        return self._next(scope.tenant_id, scope.kind)

    @contextmanager
    def scope(self, tenant_id: str, kind: str, next_id: UUID | None = None) -> Iterator[None]:
        """Generates ids of one kind in one tenant while the block runs, `next_id` first."""
        given = [] if next_id is None else [next_id]
        token = _SCOPE.set(_Scope(tenant_id, kind, given))
        try:
            yield
        finally:
            _SCOPE.reset(token)

    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """How many sequential ids of each kind each tenant has had."""
        counts: dict[str, dict[str, int]] = {}
        for (tenant_id, kind), count in sorted(self._counts.items()):
            counts.setdefault(tenant_id, {})[kind] = count
        return counts

    def count_from(self, counts: Mapping[str, Mapping[str, int]]) -> None:
        """Continues from these counts; kinds they do not name start from the beginning."""
        self._counts = {
            (tenant_id, kind): count
            for tenant_id, of_tenant in counts.items()
            for kind, count in of_tenant.items()
        }

    def _next(self, tenant_id: str, kind: str) -> UUID:
        key = (tenant_id, kind)
        self._counts[key] = count = self._counts.get(key, 0) + 1
        prefix = int.from_bytes(sha256("\0".join((str(self._seed), *key)).encode()).digest()[:8])
        first, second = prefix >> 16, prefix & 0xFFF
        return UUID(int=first << 80 | _VERSION_7 | second << 64 | _VARIANT | count)
