"""Encodes what shoppers see about themselves: only the keys that are meant for them."""

from customers.core.model.customer import Customer
from customers.core.model.ledger import Entry
from customers.core.model.payment import PaymentMethod
from customers.core.model.query import Page
from customers.core.model.shopper import Shopper
from customers.entrypoints.json import shapes
from customers.entrypoints.json.encode import Encoder, midnight


class StorefrontEncoder:
    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def profile(self, customer: Customer, shopper: Shopper) -> shapes.OwnProfile:
        """The profile. Its `id` is the user id if the path had that: callers compare the two."""
        born = customer.date_of_birth
        return {
            "id": shopper.path_id if shopper.asks_by_user_id else str(customer.id),
            "customerId": customer.id,
            "email": customer.email,
            "emailVerified": customer.email_verified,
            "firstName": customer.first_name,
            "lastName": customer.last_name,
            "phone": customer.phone,
            "dateOfBirth": None if born is None else midnight(born),
            "country": customer.country,
            "countryCode": customer.country_code,
            "avatarUrl": customer.avatar_url,
            "marketingOptIn": customer.marketing_opt_in,
            "totalOrders": customer.statistics.total_orders,
            "totalSpent": self._encoder.money(customer.statistics.total_spent),
            "createdAt": customer.created_at,
            "updatedAt": customer.updated_at,
        }

    @staticmethod
    def method(method: PaymentMethod) -> shapes.OwnPaymentMethod:
        return {
            "id": method.id,
            "cardBrand": method.card_brand,
            "lastFour": method.last_four,
            "expiryMonth": method.expiry_month,
            "expiryYear": method.expiry_year,
            "isDefault": method.is_default,
        }

    def order(self, entry: Entry) -> shapes.OwnOrder:
        return {**self._encoder.entry(entry), "status": entry.status}

    @staticmethod
    def meta(page: Page, total: int) -> shapes.PageMeta:
        return {
            "page": page.number,
            "limit": page.size,
            "total": total,
            "total_pages": page.page_count(total),
        }
