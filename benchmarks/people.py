"""Tenants full of made-up customers, made by the database itself; the same ones every time."""

from asyncpg import Connection, Record

# The plain one is as large as the large one, and never has segments.
TENANT_OF = {"large": "bench-large", "small": "bench-small", "plain": "bench-plain"}

# One prime per value, so that the values of a customer have nothing to do with each other.
_PEOPLE = """
INSERT INTO customers (
    tenant_id, id, email, first_name, last_name, phone, status, customer_type,
    total_orders, total_spent, average_order_value, first_order_date, last_order_date,
    country, country_code, avatar_url, tags, notes, marketing_opt_in, email_verified,
    created_at, updated_at, version,
    email_key, search_text, email_folded, first_name_folded, last_name_folded, phone_folded,
    country_folded, country_code_folded, notes_folded, tags_folded
)
SELECT
    $1, ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
    email, first_name, last_name, '', status, customer_type,
    orders, spent, CASE WHEN orders = 0 THEN 0 ELSE round(spent / orders, 2) END,
    first_order, first_order + (last_order - first_order) * (orders > 1)::int,
    country, upper(country), '', tags, '', n % 3 = 0, n % 5 = 0,
    created, now(), 1,
    email, email || ' ' || first_name || ' ' || last_name, email, first_name, last_name, '',
    country, country, '', tags
FROM (
    SELECT
        n, 'buyer-' || n || '@example.test' AS email,
        'first' || n % 997 AS first_name, 'last' || n % 9973 AS last_name,
        CASE WHEN n % 50 = 0 THEN 'BLOCKED' WHEN n % 50 = 1 THEN 'INACTIVE' ELSE 'ACTIVE' END
            AS status,
        CASE WHEN n % 20 = 0 THEN 'VIP' WHEN n % 20 < 3 THEN 'WHOLESALE' ELSE 'RETAIL' END
            AS customer_type,
        orders,
        (orders * (n % 7919) / 10.0)::numeric(23, 4) AS spent,
        (ARRAY['us', 'de', 'fr', 'at', 'it', 'es', 'nl', 'pl'])[1 + n % 8] AS country,
        CASE WHEN n % 11 = 0 THEN ARRAY['vip'] WHEN n % 13 = 0 THEN ARRAY['new', 'loyal']
            ELSE ARRAY[]::text[] END AS tags,
        created,
        CASE WHEN orders > 0 THEN created + make_interval(secs => n % 86311) END AS first_order,
        CASE WHEN orders > 0 THEN
            created + (now() - created) * ((n % 6007) / 6007.0) END AS last_order
    FROM (
        SELECT
            n, (n % 41) / 4 AS orders,
            now() - make_interval(secs => ((n::bigint * 7907) % 94608000)) AS created
        FROM generate_series(1, $2) AS n
    ) AS dated
) AS told
"""
_COUNTED = """
INSERT INTO customer_counts (tenant_id, status, customer_type, slot, customers)
SELECT tenant_id, status, customer_type, 0, count(*) FROM customers
WHERE tenant_id = $1 GROUP BY tenant_id, status, customer_type
"""
_HOW_MANY = "SELECT coalesce(sum(customers), 0) FROM customer_counts WHERE tenant_id = $1"
_IDS = "SELECT id FROM customers WHERE tenant_id = $1 ORDER BY email_key LIMIT $2"


async def settle_in(connection: "Connection[Record]", tenant_id: str, so_many: int) -> None:
    """Makes a tenant's customers, unless they are there already."""
    if await connection.fetchval(_HOW_MANY, tenant_id):
        return
    async with connection.transaction():
        await connection.execute(_PEOPLE, tenant_id, so_many, timeout=1_800)
        await connection.execute(_COUNTED, tenant_id)


async def some_ids(connection: "Connection[Record]", tenant_id: str, so_many: int) -> list[str]:
    """Customers of a tenant, spread over all of them."""
    return [str(row["id"]) for row in await connection.fetch(_IDS, tenant_id, so_many)]


def rules() -> list[list[dict[str, object]]]:
    """Fifty rules of two to four conditions, ten of them with ages."""
    return [_rule(number) for number in range(50)]


def _rule(number: int) -> list[dict[str, object]]:
    country = ("US", "DE", "FR", "AT", "IT", "ES", "NL", "PL")[number % 8]
    conditions: list[dict[str, object]] = [
        {"field": "total_spent", "operator": "gte", "value": 40 * number},
        {"field": "country_code", "operator": "eq", "value": country},
        {"field": "total_orders", "operator": "gte", "value": 1 + number % 7},
        {"field": "tags", "operator": "has_none", "value": ["nobody"]},
    ]
    chosen = conditions[: 2 + number % 3]
    if number % 5 == 0:
        chosen[1] = {
            "field": ("days_since_last_order", "days_since_created")[number % 2],
            "operator": ("gt", "lte")[number % 3 == 0],
            "value": 10 + 7 * number,
        }
    return chosen
