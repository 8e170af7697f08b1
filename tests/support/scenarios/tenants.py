"""The scenarios about tenants: named in each place, in several, and wrongly."""

from collections.abc import Iterator

from tests.support.scenarios.requests import Request, Scenario, get, new_customer, patch, post, put


def tenant_scenarios() -> Iterator[Scenario]:
    yield named_elsewhere()
    yield named_twice()


def named_elsewhere() -> Scenario:
    created = yield post("/customers", new_customer("tenanted"))
    path, tenant = f"/customers/{created.body['id']}", created.body["tenantId"]
    yield get(path, X_Tenant_ID=None, x_jwt_claim_tenant_id=tenant)
    yield get(f"{path}?tenant_id={tenant}", X_Tenant_ID=None)
    yield get(f"{path}?tenantId={tenant}", X_Tenant_ID=None)
    yield put(path, {"tenantId": tenant, "firstName": "Other"}, X_Tenant_ID=None)
    yield patch(path, {"tenantId": tenant, "phone": "1"}, X_Tenant_ID=None)
    yield get(path, X_Tenant_ID="another")
    yield get(path, X_Tenant_ID=" ")
    for kind in ("/customers", "/customers/segments"):
        yield get(kind, X_Tenant_ID="t" * 256)
        yield get(f"{kind}?tenant_id={tenant}&tenant_id={tenant}")


def named_twice() -> Scenario:
    created = yield post("/customers", new_customer("tenanted-twice"))
    path, tenant = f"/customers/{created.body['id']}", created.body["tenantId"]
    yield put(f"{path}?tenant_id={tenant}", {"tenantId": tenant}, x_jwt_claim_tenant_id=tenant)
    yield get(path, x_jwt_claim_tenant_id="another")
    yield get(f"{path}?tenant_id=")
    yield get(f"{path}?tenant_id={tenant}&tenant_id={tenant}")
    yield put(path, {"tenantId": "another"})
    yield put(path, {"tenantId": None})
    yield put(path, {"tenantId": 5})
    yield Request(method="PUT", path=path, body={"tenantId": "a\0"}, headers={"X-Tenant-ID": None})
