// Writes the pact of what the storefront needs from the customers service, for the service's tests.
//
// Each test plays one exchange with a mock server that Pact starts. The last one compares the pact
// with the committed file, or replaces the file with UPDATE_PACT in the environment.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { before, test } from "node:test";

import { MatchersV3, PactV4 } from "@pact-foundation/pact";

import { Customers } from "../src/customers.js";

const { fromProviderState, integer, like, number, regex } = MatchersV3;
const fresh = "build/pacts";
const committed = "../pacts";
const file = "storefront-customers-service.json";

const tenantId = "storefront";
const ada = { email: "ada@example.test", firstName: "Ada", lastName: "Lovelace" };
const anId = "01890a5d-ac96-774b-bcce-b302099a8057";
const tenant = { "X-Tenant-ID": tenantId };
const json = { "Content-Type": regex("^application/json", "application/json; charset=utf-8") };

/** The keys of a customer that the storefront reads; the service may return more. */
const customer = {
  tenantId,
  ...ada,
  status: regex("^(ACTIVE|INACTIVE|BLOCKED)$", "ACTIVE"),
  customerType: regex("^(RETAIL|WHOLESALE|VIP)$", "RETAIL"),
  totalOrders: integer(0),
  totalSpent: number(0),
};

const pact = new PactV4({
  consumer: "storefront",
  provider: "customers-service",
  dir: fresh,
  logLevel: "error",
});

before(() => rmSync(fresh, { recursive: true, force: true }));

test("who signs up becomes a customer", () =>
  pact
    .addInteraction()
    .given("no customers", { tenantId })
    .uponReceiving("a new customer who signs up")
    .withRequest("POST", "/api/v1/customers", (request) =>
      request.headers(tenant).jsonBody(ada),
    )
    .willRespondWith(201, (answer) =>
      answer.headers(json).jsonBody({ id: uuid(), ...customer }),
    )
    .executeTest(async ({ url }) => {
      assert.equal((await connect(url).signUp(ada)).id, anId);
    }));

test("who signs up again stays the same customer", () =>
  pact
    .addInteraction()
    .given("a customer exists", { tenantId, ...ada })
    .uponReceiving("a customer who signs up again")
    .withRequest("POST", "/api/v1/customers", (request) =>
      request.headers(tenant).jsonBody(ada),
    )
    .willRespondWith(200, (answer) =>
      answer.headers(json).jsonBody({ id: fromProviderState("${customerId}", anId), ...customer }),
    )
    .executeTest(async ({ url }) => {
      assert.equal((await connect(url).signUp(ada)).id, anId);
    }));

test("a customer is found by their id", () =>
  pact
    .addInteraction()
    .given("a customer exists", { tenantId, ...ada })
    .uponReceiving("a look at a customer")
    .withRequest("GET", pathOf(""), (request) => request.headers(tenant))
    .willRespondWith(200, (answer) =>
      answer.headers(json).jsonBody({ id: fromProviderState("${customerId}", anId), ...customer }),
    )
    .executeTest(async ({ url }) => {
      assert.equal((await connect(url).find(anId))?.email, ada.email);
    }));

test("an unknown customer is not found", () =>
  pact
    .addInteraction()
    .given("no customers", { tenantId })
    .uponReceiving("a look at an unknown customer")
    .withRequest("GET", `/api/v1/customers/${anId}`, (request) => request.headers(tenant))
    .willRespondWith(404, (answer) =>
      answer
        .headers(json)
        .jsonBody({ code: "CUSTOMER_NOT_FOUND", message: like("customer not found") }),
    )
    .executeTest(async ({ url }) => {
      assert.equal(await connect(url).find(anId), undefined);
    }));

test("a blocked customer is not blocked again", () =>
  pact
    .addInteraction()
    .given("a blocked customer", { tenantId, reason: "chargeback of order 1001" })
    .uponReceiving("a lock for a blocked customer")
    .withRequest("POST", pathOf("/lock"), (request) =>
      request.headers(tenant).jsonBody({ reason: "chargeback of order 1002" }),
    )
    .willRespondWith(409, (answer) =>
      answer.headers(json).jsonBody({
        success: false,
        error: { code: "ALREADY_BLOCKED", message: like("customer is already blocked") },
        message: like("customer is already blocked"),
        code: "ALREADY_BLOCKED",
      }),
    )
    .executeTest(async ({ url }) => {
      assert.equal(await connect(url).block(anId, "chargeback of order 1002"), false);
    }));

test("the committed pact says what the storefront needs", () => {
  const made = withoutVersions(readFileSync(`${fresh}/${file}`, "utf8"));
  if (process.env["UPDATE_PACT"]) {
    mkdirSync(committed, { recursive: true });
    writeFileSync(`${committed}/${file}`, made);
  }

  const agreed = readFileSync(`${committed}/${file}`, "utf8");
  assert.equal(agreed, made, "the committed pact differs: run with UPDATE_PACT=yes");
});

function uuid() {
  return regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", anId);
}

/** A path of the customer whose id the provider state returns. */
function pathOf(more: string) {
  const path = (id: string) => `/api/v1/customers/${id}${more}`;
  return fromProviderState(path("${customerId}"), path(anId));
}

/** Drops the versions of Pact, which would change the file without a change of needs. */
function withoutVersions(written: string): string {
  const { metadata, ...pact } = JSON.parse(written);
  const kept = { pactSpecification: metadata.pactSpecification };
  return `${JSON.stringify({ ...pact, metadata: kept }, null, 2)}\n`;
}

function connect(url: string): Customers {
  return new Customers({ url, tenant: tenantId });
}
