"""The route of a person's data: everything that is kept of a customer."""

from aiohttp import web

from customers.core.model.permissions import Permission
from customers.core.services.personal_data import PersonalData
from customers.entrypoints.http.personal_data_file import personal_data_response
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.routes import CUSTOMER, Route
from customers.entrypoints.json import shapes
from customers.entrypoints.json.encode_personal_data import PersonalDataEncoder


class PersonalDataRoutes:
    name = "Personal data"

    def __init__(self, personal_data: PersonalData, encoder: PersonalDataEncoder) -> None:
        self._personal_data = personal_data
        self._encoder = encoder

    def table(self) -> list[Route]:
        return [
            Route(
                "exportPersonalData",
                "GET",
                f"{CUSTOMER}/personal-data",
                self.export,
                {200: shapes.PersonalData},
                permission=Permission.CUSTOMERS_EXPORT,
            )
        ]

    async def export(self, context: RequestContext) -> web.Response:
        """Export the personal data of a customer

        Everything that is kept of a customer, living or deleted, by table (GDPR, article 15), as a
        file to be saved. It is complete, however large it is. Payment tokens are masked.
        """
        async with self._personal_data.of(context.tenant, context.customer_id) as data:
            return await personal_data_response(data, self._encoder)
