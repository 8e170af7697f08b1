"""Ids that sort by the moment they were made."""

from uuid import UUID

from uuid_utils.compat import uuid7

from customers.core.ports import Ids


class TimeOrderedIds(Ids):
    """UUIDv7. The counter within a millisecond, and a clock that is set back, keep their order:
    `uuid_utils` goes on from the last one it made in this process.
    """

    def new(self) -> UUID:
        return uuid7()
