"""The id of a tenant, which keeps tenants apart: it is accepted unchanged, or refused.

Nothing is trimmed, normalised or folded: otherwise two spellings could name one tenant here and two
tenants in a gateway, or the reverse. There is no comma in an id, because proxies join the values of
repeated headers with commas.
"""

import re
from typing import Annotated, Final, Self

from attrs import frozen

from customers.core.errors import INVALID_TENANT, InvalidValue

MAX_TENANT_LENGTH: Final = 255
VISIBLE_BUT_COMMA: Final = r"[!-+.-~-]{1,255}"
_ANY: Final = re.compile(VISIBLE_BUT_COMMA)


@frozen
class TenantGate:
    """The gate of tenant ids: 1 to 255 visible ASCII characters except the comma. The whole id must
    also match `_pattern`.
    """

    _pattern: re.Pattern[str] = _ANY

    @classmethod
    def of(cls, pattern: str) -> Self:
        """The gate of a deployment that allows only ids of this pattern. Raises re.error."""
        return cls(re.compile(pattern))

    def read(self, raw: object) -> str:
        if isinstance(raw, str) and _ANY.fullmatch(raw) and self._pattern.fullmatch(raw):
            return raw
        raise InvalidValue(INVALID_TENANT, self._sentence())

    def _sentence(self) -> str:
        sentence = "must be 1 to 255 visible ASCII characters without a comma or a space"
        if self._pattern == _ANY:
            return sentence
        return f"{sentence}, and match {self._pattern.pattern}"


Tenant = Annotated[str, TenantGate()]
