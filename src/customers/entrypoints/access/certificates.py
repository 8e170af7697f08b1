"""Certificates of callers: a service is known by the name in its certificate."""

from customers.core.model.principal import Principal, PrincipalKind
from customers.core.model.roles import Roles
from customers.entrypoints.access.caller import Caller


class Certificates:
    """The principals of services with a certificate, by the subjects in the file of roles."""

    def __init__(self, roles: Roles) -> None:
        self._roles = roles

    def principal(self, caller: Caller) -> Principal | None:
        """None for a caller whose certificate names no subject that is known, or without one."""
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
