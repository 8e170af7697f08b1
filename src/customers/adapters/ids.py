"""Ids: those that sort by the moment they were made, and those that tests can foretell."""

from collections.abc import Mapping
from hashlib import sha256
from uuid import UUID

from attrs import define, field
from uuid_utils.compat import uuid7

from customers.core.ports import Ids

_VERSION_7 = 0x7 << 76
_VARIANT = 0b10 << 62


class TimeOrderedIds(Ids):
    """UUIDv7. The counter within a millisecond, and a clock that is set back, keep their order:
    `uuid_utils` goes on from the last one it made in this process.
    """

    def new(self, tenant_id: str, kind: type) -> UUID:  # noqa: ARG002 - every id is another one
        return uuid7()


@define(kw_only=True)
class CountedIds(Ids):
    """Ids in the form of UUIDv7 that depend on a seed, the tenant, the kind and the count only.

    What happens in other tenants does not shift them. The last twelve digits are the count.
    """

    _seed: int = 0
    _counts: dict[tuple[str, str], int] = field(factory=dict, init=False)

    def new(self, tenant_id: str, kind: type) -> UUID:
        key = (tenant_id, kind.__name__)
        self._counts[key] = count = self._counts.get(key, 0) + 1
        told = "\0".join((str(self._seed), *key)).encode()
        prefix = int.from_bytes(sha256(told).digest()[:8])
        first, second = prefix >> 16, prefix & 0xFFF
        return UUID(int=first << 80 | _VERSION_7 | second << 64 | _VARIANT | count)

    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """How many of each kind each tenant has had."""
        told: dict[str, dict[str, int]] = {}
        for (tenant_id, kind), count in sorted(self._counts.items()):
            told.setdefault(tenant_id, {})[kind] = count
        return told

    def count_from(self, counts: Mapping[str, Mapping[str, int]]) -> None:
        """Goes on behind those counts; what they do not name is counted from the beginning."""
        self._counts = {
            (tenant_id, kind): count
            for tenant_id, told in counts.items()
            for kind, count in told.items()
        }


@define(kw_only=True)
class AppointedIds(Ids):
    """Other ids, but that the next one of a kind in a tenant can be appointed.

    Where the others are `counted` they are told so twice, so that counts can be kept and set.
    """

    _others: Ids
    _counted: CountedIds = field(factory=CountedIds)
    _appointed: dict[tuple[str, type], UUID] = field(factory=dict, init=False)

    def new(self, tenant_id: str, kind: type) -> UUID:
        appointed = self._appointed.pop((tenant_id, kind), None)
        return self._others.new(tenant_id, kind) if appointed is None else appointed

    def appoint(self, tenant_id: str, kind: type, id: UUID) -> None:
        self._appointed[tenant_id, kind] = id

    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """As `CountedIds.counts`; nothing where the others are not counted."""
        return self._counted.counts()

    def count_from(self, counts: Mapping[str, Mapping[str, int]]) -> None:
        """As `CountedIds.count_from`."""
        self._counted.count_from(counts)

    def dismiss(self, tenant_id: str, kind: type) -> None:
        """Forgets an appointment that nobody has taken."""
        self._appointed.pop((tenant_id, kind), None)
