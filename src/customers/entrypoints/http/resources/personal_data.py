"""The routes that export personal data: everything that is stored about a customer."""

from typing import ClassVar

from aiohttp import web
from attrs import frozen

from customers.core.model.permissions import Permission
from customers.core.services.personal_data import PersonalData
from customers.core.services.storefront import Storefront
from customers.entrypoints.http.owner_check import owner_check
from customers.entrypoints.http.personal_data_file import personal_data_response
from customers.entrypoints.http.query import Query
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.routes import CUSTOMER, OWN, Route
from customers.entrypoints.json import shapes
from customers.entrypoints.json.encode_personal_data import PersonalDataEncoder


@frozen(kw_only=True)
class ExportQuery(Query):
    """An export has no parameters: it is always of everything."""

    is_of_list: ClassVar[bool] = True


class PersonalDataRoutes:
    name = "Personal data"

    def __init__(
        self, personal_data: PersonalData, storefront: Storefront, encoder: PersonalDataEncoder
    ) -> None:
        self._personal_data = personal_data
        self._storefront = storefront
        self._encoder = encoder

    def table(self) -> list[Route]:
        return [
            Route(
                "exportPersonalData",
                "GET",
                f"{CUSTOMER}/personal-data",
                self.export,
                {200: shapes.PersonalData},
                query=ExportQuery,
                permission=Permission.CUSTOMERS_EXPORT,
            ),
            Route(
                "exportOwnData",
                "GET",
                f"{OWN}/data",
                self.export_own,
                {200: shapes.PersonalData},
                query=ExportQuery,
                is_for_shoppers=True,
                owner_check=owner_check(self._storefront),
            ),
        ]

    async def export(self, context: RequestContext, _: ExportQuery) -> web.Response:
        """Export the personal data of a customer

        Everything that is stored about a customer, deleted or not, by table (GDPR, article 15), as
        a file to be saved. It is complete, however large it is. Payment tokens and the hashes of
        verification tokens are masked.
        """
        async with self._personal_data.of(context.tenant, context.customer_id) as data:
            return await personal_data_response(data, self._encoder)

    async def export_own(self, context: RequestContext, _: ExportQuery) -> web.Response:
        """Export the shopper's own data

        Everything that is stored about the shopper, by table, as a file to be saved. Payment tokens
        and the hashes of verification tokens are masked; the ids of members of staff are left out.
        """
        customer = await self._storefront.customer(context.tenant, context.shopper)
        async with self._personal_data.of(context.tenant, customer.id) as data:
            return await personal_data_response(data, self._encoder.for_person())
