// The storefront against the real service, including lost answers and errors.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Customers } from "../src/customers.js";
import type { Sleep } from "../src/retrying.js";
import { Service } from "./service.js";

const ada = { email: "ada@example.test", firstName: "Ada", lastName: "Lovelace" };
const day = 86_400;

let service: Service;
before(async () => {
  service = await Service.start();
});
after(() => service.stop());

test("a customer who signs up can be found", async () => {
  const customers = connect(service.tenant());

  const made = await customers.signUp({ ...ada, marketingOptIn: true });
  const found = await customers.find(made.id);

  assert.deepEqual(found, made);
  assert.equal(made.totalSpent, 0);
});

test("an unknown customer is not found", async () => {
  const found = await connect(service.tenant()).find("01890a5d-ac96-774b-bcce-b302099a8057");

  assert.equal(found, undefined);
});

test("a search finds names in any order, of those who may be written to", async () => {
  const customers = connect(service.tenant());
  const zoe = await customers.signUp({
    email: "zoe@example.test",
    firstName: "Zoë",
    lastName: "Müller",
    marketingOptIn: true,
  });
  await customers.signUp({ email: "zm@example.test", firstName: "Zoe", lastName: "Muller" });

  const found = [];
  const search = customers.search("muller zoe", { marketing_opt_in: true, page_size: 1 });
  for await (const customer of search) found.push(customer.id);

  assert.deepEqual(found, [zoe.id]);
});

test("a misspelt filter is refused, with the name that was probably meant", async () => {
  const misspelt = { marketing_optin: true } as object;

  const search = connect(service.tenant()).search("zoe", misspelt).next();

  await assert.rejects(search, { code: "UNKNOWN_PARAMETER", message: /marketing_opt_in/ });
});

test("an order is shown with its refunds", async () => {
  const tenant = service.tenant();
  const customers = connect(tenant);
  const { id } = await customers.signUp(ada);
  await service.send(tenant, `/customers/${id}/record-order`, {
    orderId: "o-1",
    totalAmount: 12.5,
  });
  await service.send(tenant, `/customers/${id}/orders/o-1/refunds`, {
    refundId: "r-1",
    amount: 2.5,
  });

  const order = await customers.order(id, "o-1");

  assert.deepEqual(order?.refunds.map(({ refundId, amount }) => [refundId, amount]), [["r-1", 2.5]]);
  assert.equal(await customers.order(id, "o-2"), undefined);
});

test("an invalid e-mail address is refused", async () => {
  const refused = connect(service.tenant()).signUp({ ...ada, email: "ada" });

  await assert.rejects(refused, { code: "VALIDATION_FAILED" });
});

test("signing up again after a lost answer creates no second customer", async () => {
  const tenant = service.tenant();
  await service.arm(tenant, "registerCustomer", { times: 1, abort: "after-commit" });

  const made = await connect(tenant).signUp(ada);

  const heard = await service.heard(tenant, "registerCustomer");
  assert.deepEqual(
    heard.map(({ status, lost }) => ({ status, lost })),
    [
      { status: 201, lost: true },
      { status: 200, lost: false },
    ],
  );
  assert.equal(heard[0]?.answer?.id, made.id);
});

test("a connection that stays broken is reported to the caller", async () => {
  const tenant = service.tenant();
  await service.arm(tenant, "registerCustomer", { abort: "before" });

  await assert.rejects(connect(tenant).signUp(ada), TypeError);

  assert.equal((await service.heard(tenant, "registerCustomer")).length, 3);
});

test("a call is retried when an unavailable service says so", async () => {
  const tenant = service.tenant();
  const { customerId } = await service.state(tenant, "a customer exists");
  await service.arm(tenant, "getCustomer", { times: 1, status: 503 });
  const pauses: number[] = [];

  const found = await connect(tenant, async (pause) => void pauses.push(pause)).find(customerId);

  assert.equal(found?.id, customerId);
  assert.equal(pauses.length, 1);
  assert.ok(pauses[0]! >= 1000, `it waited ${pauses[0]} ms`);
});

test("a blocked customer is shown as blocked, and not blocked again", async () => {
  const tenant = service.tenant();
  const reason = "chargeback of order 1001";
  const { customerId } = await service.state(tenant, "a blocked customer", { reason });
  const customers = connect(tenant);

  const found = await customers.find(customerId);
  const isNew = await customers.block(customerId, "chargeback of order 1002");

  assert.equal(found?.status, "BLOCKED");
  assert.equal(found?.lockReason, reason);
  assert.equal(isNew, false);
});

test("a customer without orders for 90 days enters the win-back segment", async () => {
  const tenant = service.tenant();
  const customers = connect(tenant);
  const { id } = await customers.signUp(ada);
  await service.post("/api/v1/customers/segments", {
    tenantId: tenant,
    name: "Win back",
    rules: [{ field: "days_since_last_order", operator: "gt", value: 90 }],
  });
  await service.post(`/api/v1/customers/${id}/record-order`, {
    tenantId: tenant,
    orderId: "o-1001",
    totalAmount: 12.5,
  });

  const then = await customers.segmentsOf(id);
  await service.advance(91 * day);
  const now = await customers.segmentsOf(id);

  assert.deepEqual([then, now], [[], ["Win back"]]);
});

const atOnce: Sleep = async () => {};

function connect(tenant: string, sleep: Sleep = atOnce): Customers {
  return new Customers({
    url: service.url,
    tenant,
    patience: { attempts: 3, pause: 100, sleep },
  });
}
