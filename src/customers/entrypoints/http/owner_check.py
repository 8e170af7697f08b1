"""Checks the id in the path of a shopper's route before anything else that is wrong is reported."""

from customers.core.services.storefront import Storefront
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.routes import OwnerCheck


def owner_check(storefront: Storefront) -> OwnerCheck:
    """The check that the id in the path is the shopper's own, for input that is invalid."""

    async def check(context: RequestContext) -> None:
        if context.tenant:
            await storefront.expect_own(context.tenant, context.shopper)

    return check
