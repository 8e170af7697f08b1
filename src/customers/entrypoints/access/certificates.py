"""Authenticates services by the names in their client certificates."""

from customers.core.model.principal import Principal, PrincipalKind
from customers.core.model.roles import Roles
from customers.entrypoints.access.caller import Caller


class Certificates:
    """Recognises a service whose certificate has the name of a subject in the roles file."""

    def __init__(self, roles: Roles) -> None:
        self._roles = roles

    def principal(self, caller: Caller) -> Principal | None:
        """The service; None without a certificate, or if the roles file has none of its names."""
        for name in caller.certificate_names:
            if name in self._roles.subjects:
                known = self._roles.of_subject(name)
                return Principal(
                    kind=PrincipalKind.SERVICE,
                    subject=name,
                    tenants=known.tenants,
                    permissions=self._roles.permissions_of(known.roles),
                )
        return None
