"""The scenarios about customers and what belongs to them."""

import json
from collections.abc import Iterator
from typing import Any, Final

from customers.core.model.query import SortField
from tests.support.scenarios.requests import (
    UNKNOWN,
    USER,
    Request,
    Scenario,
    a_new_customer,
    delete,
    get,
    new_customer,
    patch,
    post,
    put,
    read_pages,
)

_IMPORTED: Final = "01890a5d-ac96-774b-bcce-b302099a8009"


def customer_scenarios() -> Iterator[Scenario]:
    yield probes()
    yield customers()
    yield taken_emails()
    yield bad_customers()
    yield merge_patches()
    yield states()
    yield lists()
    yield addresses()
    yield payment_methods()
    yield journal()
    yield batches()
    yield bulk_upserts()
    yield erasures()


def probes() -> Scenario:
    for path in ("/health", "/ready", "/live", "/metrics"):
        yield Request(method="GET", path=path, base="")
        yield Request(method="HEAD", path=path, base="")
    yield Request(method="POST", path="/live", base="")
    yield get("/nowhere")
    yield put("/customers", {})


def customers() -> Scenario:
    full = new_customer(
        "jürgen",
        lastName="Łukasiewicz 🎉",
        phone="+49 (30) 123-456 x7",
        userId=USER,
        dateOfBirth="1990-01-31",
        country="Deutschland",
        countryCode="de",
        avatarUrl="https://images.example.test/ä.png",
        customerType="wholesale",
        marketingOptIn=True,
        tags=["VIP", "vip", "früh"],
        notes="eins\r\nzwei\tdrei",
    )
    created = yield post("/customers", full)
    path = f"/customers/{created.body['id']}"
    yield post("/customers", full)
    yield post("/customers", full | {"email": "JÜRGEN@example.test", "firstName": "Other"})
    yield get(path)
    yield get(path, If_None_Match='"1"')
    yield get(path, If_None_Match='"0"')
    yield Request(method="HEAD", path=path)
    yield put(path, {"firstName": "Jörg", "tags": [], "email": None})
    yield put(path, {"firstName": "Jörg"})
    yield put(path, {"lastName": ""}, If_Match='"1"')
    yield put(path, {"lastName": ""}, If_Match='"2"')


def taken_emails() -> Scenario:
    other = yield from a_new_customer("other")
    yield put(other, {"email": "jürgen@example.test"})
    yield patch(other, {"email": "jürgen@example.test"})
    yield delete(other, If_Match='"9"')
    yield delete(other)
    yield delete(other)
    yield get(other)
    yield post("/customers", new_customer("other"))
    yield post(f"{other}/restore")


def bad_customers() -> Scenario:
    yield post("/customers", new_customer("strict", nonsense=1))
    yield post("/customers", new_customer("strict2", nonsense=1), Prefer="handling=strict")
    yield post("/customers", {"email": "no", "firstName": "", "tags": "x", "userId": 5})
    yield post("/customers", new_customer("long", notes="n" * 10_001))
    yield post("/customers", new_customer("control", lastName="a\x00b"))


def merge_patches() -> Scenario:
    path = yield from a_new_customer("patched", phone="123", tags=["a"], dateOfBirth="1990-01-31")
    merge = {"Content_Type": "application/merge-patch+json"}
    yield patch(path, {"phone": None, "tags": None, "dateOfBirth": None}, **merge)
    yield patch(path, {"country": None, "countryCode": "US", "notes": "n"})
    yield patch(path, {"firstName": None})
    yield patch(path, {"email": None, "status": None})
    yield patch(path, {})
    yield patch(path, {"customerType": "vip", "marketingOptIn": True}, If_Match='"3"')
    yield patch(path, {"customerType": "vip"}, If_Match='"3"')


def states() -> Scenario:
    path, reason = (yield from a_new_customer("locked")), {"reason": "three chargebacks"}
    yield post(f"{path}/unlock", reason)
    yield post(f"{path}/lock", reason, If_Match='"9"')
    yield post(f"{path}/lock", reason, X_User_ID=USER)
    yield post(f"{path}/lock", reason)
    yield get(path)
    yield post(f"{path}/unlock", {"reason": "all of them paid"}, If_Match='"1"')
    yield post(f"{path}/unlock", {"reason": "all of them paid"}, x_jwt_claim_sub=USER)
    yield post(f"{path}/lock", {"reason": "short"})
    yield put(path, {"status": "blocked"}, X_User_ID=USER)
    yield put(path, {"status": "ACTIVE"})
    yield put(path, {"status": "inactive"})


def lists() -> Scenario:
    for number, kind in enumerate(["RETAIL", "WHOLESALE", "VIP"] * 3):
        name = f"list-{number}"
        path = yield from a_new_customer(name, customerType=kind, tags=["a", "b"][: number % 3])
        order = {"orderId": name, "totalAmount": number * 10, "orderDate": "2025-05-05T00:00:00Z"}
        yield post(f"{path}/record-order", order)
    for sort in SortField:
        for direction in ("asc", "desc"):
            query = f"?sort_by={sort}&sort_order={direction}&page_size=4"
            yield get(f"/customers{query}&page=2")
            yield from read_pages(f"/customers{query}&search=list-", 5)
    for query in _QUERIES:
        yield get(f"/customers?{query}")
    for query in ("", "&cursor="):
        yield get(f"/customers?segment_id={UNKNOWN}{query}")


_QUERIES = """
search=list-3
search=LIST-3%40example
search=list-3@example.test
search=%25
search=zzz
status=ACTIVE
status=active,BLOCKED
customer_type=vip
customerType=VIP,RETAIL&limit=2
tags=a
tags=a,b
tags=A&tags=B
created_from=2020-01-01
created_to=2020-01-01
created_from=2020-01-01T00:00:00Z&created_to=2999-12-31
min_total_spent=30
max_total_spent=30
min_total_spent=10&max_total_spent=20.00
page=99
page=0
page=x
page_size=1000
page_size=5&limit=6
page_size=0
sort_by=nothing
sort_order=up
cursor=nonsense
status=NONE
min_total_spent=much
created_from=yesterday
page=1&page=2
unknown=1
search=
country_code=de,FR
email=list-3@example.test
marketing_opt_in=true
has_account=false&min_total_orders=1
last_order_from=2025-05-05&last_order_to=2025-05-06
updated_to=2020-01-01
email_verified=perhaps
""".split()


def addresses() -> Scenario:
    path = yield from a_new_customer("addressed")
    home = {
        "addressLine1": "123 Main St",
        "city": "Zürich",
        "postalCode": "8001",
        "country": "ch",
        "label": "Zuhause",
    }
    yield get(f"{path}/addresses")
    paths = []
    for kind in ("SHIPPING", "billing", "", "BOTH"):
        created = yield post(f"{path}/addresses", {**home, "addressType": kind})
        paths.append(f"{path}/addresses/{created.body['data']['id']}")
    yield post(f"{path}/addresses", {**home, "isDefault": True, "tenantId": None})
    yield get(f"{path}/addresses")
    yield get(paths[0])
    yield put(paths[0], {"city": "Bern", "isDefault": False})
    yield patch(paths[1])
    yield patch(paths[3], {"label": None, "isDefault": True})
    yield patch(paths[3], {"city": None})
    yield get(path)
    yield delete(paths[3])
    yield delete(paths[3])
    yield get(paths[3])
    yield put(paths[3], {"city": "Bern"})
    yield patch(paths[3])
    yield get(f"{path}/addresses")
    yield post(f"{path}/addresses", {"addressType": "CASTLE", "country": "Schweiz"})
    for _ in range(17):
        yield post(f"{path}/addresses", home)


def payment_methods() -> Scenario:
    path, other = (yield from a_new_customer("payer")), (yield from a_new_customer("payer2"))
    card = {
        "paymentGateway": "stripe",
        "gatewayPaymentMethodId": "pm_session",
        "paymentType": "card",
        "cardBrand": "visa",
        "lastFour": "4242",
        "expiryMonth": 12,
        "expiryYear": 2030,
    }
    created = yield post(f"{path}/payment-methods", card)
    one = f"{path}/payment-methods/{created.body['id']}"
    yield post(f"{path}/payment-methods", card)
    yield post(f"{other}/payment-methods", card)
    upi = {**card, "gatewayPaymentMethodId": "upi_1", "paymentType": "UPI", "isDefault": True}
    yield post(f"{path}/payment-methods", upi)
    yield get(f"{path}/payment-methods")
    yield patch(one, {"isDefault": True, "expiryMonth": None})
    yield patch(one, {"isActive": False, "expiryYear": 1999})
    yield get(path)
    yield post(f"{path}/payment-methods", {**card, "cardBrand": "4111 1111 1111 1111"})
    yield post(f"{path}/payment-methods", {**card, "cvv": "123"})
    yield post(f"{path}/payment-methods", {"paymentType": "cash"})
    yield delete(one)
    yield delete(one)
    yield patch(one, {"isDefault": True})
    yield get(f"{path}/payment-methods")
    yield delete(path)
    yield post(f"{other}/payment-methods", upi)
    yield post(f"{path}/restore")
    yield get(f"{path}/payment-methods")


def journal() -> Scenario:
    path = yield from a_new_customer("noted")
    for number in range(5):
        created = yield post(f"{path}/notes", {"note": f"Notiz {number}\nüber zwei Zeilen"})
    yield post(f"{path}/notes", {"note": " "})
    yield post(f"{path}/notes", {"note": "by somebody"}, X_User_ID=USER)
    yield from read_pages(f"{path}/notes?limit=2", 5)
    yield get(f"{path}/notes?limit=0")
    yield delete(f"{path}/notes/{created.body['id']}")
    yield delete(f"{path}/notes/{created.body['id']}")
    mail = {"communicationType": "EMAIL", "direction": "outbound", "externalId": "m-1"}
    created = yield post(f"{path}/communications", {**mail, "subject": "Grüße", "content": "a\nb"})
    one = f"{path}/communications/{created.body['id']}"
    yield post(f"{path}/communications", mail)
    yield post(f"{path}/communications", {**mail, "communicationType": "sms"})
    yield post(f"{path}/communications", {"communicationType": "fax"})
    for status in ("delivered", "delivered", "sent", "clicked", "failed", "lost"):
        yield patch(one, {"status": status})
    yield patch(f"{path}/communications/{UNKNOWN}", {"status": "opened"})
    for query in ("", "?type=email", "?direction=inbound", "?type=sms,email&limit=1", "?type=fax"):
        yield get(f"{path}/communications{query}")
    yield from read_pages(f"{path}/communications?limit=1", 4)


def batches() -> Scenario:
    listed = yield get("/customers?page_size=3&sort_by=email&sort_order=asc")
    ids = [customer["id"] for customer in listed.body["customers"]]
    for requested in (
        [*ids, UNKNOWN],
        [ids[0], ids[0]],
        [UNKNOWN],
        [],
        ["x", ids[0]],
        [ids[0]] * 101,
    ):
        yield get(f"/customers/batch?ids={','.join(requested)}")


def bulk_upserts() -> Scenario:
    path = yield from a_new_customer("imported")
    id = path.rpartition("/")[2]
    deleted = yield from a_new_customer("deleted-import")
    yield delete(deleted)
    rows: list[Any] = [
        new_customer("imported", phone="+49 30 123456"),
        new_customer("new-import", id=_IMPORTED, tags=["a", 'b"\\,{}', "Ä"], userId=USER),
        new_customer("imported", id=id, dateOfBirth="1990-01-31", notes="one\r\ntwo"),
        new_customer("moved-import", id=id),
        new_customer("imported", id=_IMPORTED),
        new_customer("other-import", id=id, customerType="vip"),
        new_customer("new-import", id=id),
        new_customer("new-import", id=deleted.rpartition("/")[2]),
        new_customer("deleted-import", id=deleted.rpartition("/")[2]),
        new_customer("", id="no-id", notes=1),
        new_customer("of-another", tenantId="another"),
        [],
    ]
    body = b"\n\n".join(json.dumps(row).encode() for row in rows) + b"\n{"
    for _ in range(2):
        yield post("/customers/bulk-upsert", body, Content_Type="application/x-ndjson")
    yield post("/customers/bulk-upsert", b"\n", Content_Type="application/x-ndjson")
    for customer in (id, _IMPORTED):
        yield get(f"/customers/{customer}")
    yield get("/customers?search=import&sort_by=email")


def erasures() -> Scenario:
    path = yield from a_new_customer("forgotten", userId=USER, notes="secret", tags=["a"])
    yield post(f"{path}/notes", {"note": "also secret"})
    yield post(f"{path}/record-order", {"orderId": "kept", "totalAmount": 5, "orderNumber": "n"})
    yield delete(f"{path}?mode=hide")
    yield delete(f"{path}?mode=erase", If_Match='"1"')
    for _ in range(2):
        yield delete(f"{path}?mode=erase")
    yield get(path)
    yield post(f"{path}/restore")
    yield get(f"{path}/orders")
    yield delete(path)
    other = yield from a_new_customer("heir")
    yield post(f"{other}/record-order", {"orderId": "kept", "totalAmount": 5})
