"""A verification is stored without its token and its address."""

from hashlib import sha256

import asyncpg
import pytest

from customers.core.ports.storage import Storage
from tests.support.api_client import serving
from tests.support.api_steps import a_customer

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROWS = "SELECT * FROM customer_email_verifications WHERE tenant_id = $1"


async def test_a_row_has_hashes_only_and_that_of_the_address_cannot_be_guessed(
    storage: Storage, url: str, tenant: str
) -> None:
    async with serving(storage, tenant=tenant) as api:
        customer = await a_customer(api)
        await api.post(f"/customers/{customer['id']}/send-verification")
    connection = await asyncpg.connect(url)
    [row] = await connection.fetch(ROWS, tenant)
    await connection.close()
    token, email = api.mails.token, customer["email"]
    assert row["token_hash"] == sha256(token.encode()).hexdigest()
    assert row["address_hash"] != sha256(email.encode()).hexdigest()
    assert token not in str(row)
    assert email not in str(row)
