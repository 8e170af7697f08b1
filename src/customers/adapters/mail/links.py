"""The links in mails, which lead to pages of the storefront."""

from urllib.parse import quote

from attrs import frozen

from customers.core.ports.mailer import VerificationLinks

_TENANT = "{tenant}"


@frozen
class StorefrontLinks(VerificationLinks):
    """Makes links below the URL of the storefront, in which `{tenant}` stands for the tenant."""

    _storefront_url: str

    def link(self, tenant_id: str, token: str) -> str:
        base = self._storefront_url.rstrip("/").replace(_TENANT, quote(tenant_id, safe=""))
        return f"{base}/verify-email?token={quote(token, safe='')}"
