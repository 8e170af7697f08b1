"""Bad bodies: every problem is reported at once, and nothing is stored."""

from typing import Any

import pytest

from tests.support.api_client import Api
from tests.support.api_steps import customer_path, read_everything
from tests.support.body_fields import KINDS, TOO_LONG, WRONG_TYPE
from tests.support.body_targets import TARGETS, Target

TABLE = [
    pytest.param(target, kind, id=f"{name} {kind}")
    for name, target in TARGETS.items()
    for kind in KINDS
    if any(kind in field.refused for field in target.fields.values())
]
REQUIRED = {
    "a new customer": {"/email", "/firstName", "/lastName"},
    "a lock": {"/reason"},
    "an unlock": {"/reason"},
    "a new address": {"/addressLine1", "/city", "/postalCode", "/country"},
    "a new payment method": {"/paymentGateway", "/gatewayPaymentMethodId", "/paymentType"},
    "a new note": {"/note"},
    "a new communication": {"/communicationType", "/direction"},
    "an order": {"/orderId", "/totalAmount"},
    "a refund": {"/refundId", "/amount"},
    "a new segment": {"/name"},
    "new members": {"/customerIds"},
    "members who leave": {"/customerIds"},
}
CODES = {TOO_LONG: "MAX_LENGTH", WRONG_TYPE: "INVALID_TYPE"}
NOT_OBJECTS = [b"[]", b"1", b"null", b'"text"', b"true", b"[{}]"]
NOT_JSON = [
    b"",
    b"{",
    b"{'email': 1}",
    b'{"email": NaN}',
    b'{"email": Infinity}',
    b'{"email": -Infinity}',
    b'{"email": 01}',
    b'{"a": 1,}',
    b"{} {}",
    b'{"email": "\xff"}',
    b'{"email": "\xed\xa0\x80"}',
    b"\xff\xfe{\x00}\x00",
    b'{"email": "a\nb"}',
    b"[" * 100_000,
    b'{"a":' * 40_000,
]


def bodies(target: Target, kind: str) -> list[dict[str, Any]]:
    """Bodies in which every field that has bad values of this kind has one; together the bodies
    have all of these values.
    """
    bad = {
        name: field.refused[kind] for name, field in target.fields.items() if kind in field.refused
    }
    return [
        {**target.body, **{name: values[turn % len(values)] for name, values in bad.items()}}
        for turn in range(max(map(len, bad.values())))
    ]


class BadInputContract:
    @pytest.mark.parametrize(("target", "kind"), TABLE)
    async def test_every_bad_value_is_reported_at_once_and_nothing_is_stored(
        self, api: Api, target: Target, kind: str
    ) -> None:
        path = await target.path_of(api, customer := await customer_path(api))
        before = await read_everything(api, customer)
        bad = {f"/{name}" for name, field in target.fields.items() if kind in field.refused}
        for body in bodies(target, kind):
            answer = await api.send(target.method, path, body)
            assert answer.status == 400, body
            assert {f"/{pointer.split('/')[1]}" for pointer in answer.pointers} == bad, body
        assert await read_everything(api, customer) == before

    @pytest.mark.parametrize(("kind", "code"), CODES.items(), ids=CODES)
    async def test_the_code_of_a_detail_says_what_is_wrong(
        self, api: Api, kind: str, code: str
    ) -> None:
        target = TARGETS["a new address"]
        for body in bodies(target, kind):
            answer = await api.post(f"{await customer_path(api)}/addresses", body)
            codes = {detail["field"]: detail["code"] for detail in answer.details}
            assert {codes[name] for name in codes if name != "country"} == {code}, body

    @pytest.mark.parametrize("name", REQUIRED)
    async def test_every_missing_field_is_reported(self, api: Api, name: str) -> None:
        target = TARGETS[name]
        path = await target.path_of(api, customer := await customer_path(api))
        before = await read_everything(api, customer)
        for body in ({}, dict.fromkeys(target.fields)):
            answer = await api.send(target.method, path, body)
            assert (answer.status, answer.pointers) == (400, REQUIRED[name])
        assert await read_everything(api, customer) == before

    async def test_a_missing_field_has_the_code_required(self, api: Api) -> None:
        answer = await api.post("/customers", {"email": "ada@example.test"})
        codes = {(detail["field"], detail["code"]) for detail in answer.details}
        assert codes == {("firstName", "REQUIRED"), ("lastName", "REQUIRED")}

    @pytest.mark.parametrize("body", NOT_JSON, ids=lambda body: repr(body[:20]))
    async def test_a_body_that_is_not_json_is_refused(self, api: Api, body: bytes) -> None:
        assert (await api.post("/customers", body)).status == 400
        assert (await api.get("/customers")).body["total"] == 0

    @pytest.mark.parametrize("body", NOT_OBJECTS)
    async def test_a_body_that_is_not_an_object_is_refused(self, api: Api, body: bytes) -> None:
        for target in TARGETS.values():
            path = await target.path_of(api, await customer_path(api))
            assert (await api.send(target.method, path, body)).status == 400, path
