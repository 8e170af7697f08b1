// The storefront's customers. Its types are generated from the service's OpenAPI document, so that
// the compiler notices when the two no longer fit.

import createClient, { type Client } from "openapi-fetch";

import type { components, paths } from "../generated/customers-service.js";
import { type Patience, retrying } from "./retrying.js";

export type Customer = components["schemas"]["Customer"];
export type Details = components["schemas"]["CustomerDetails"];

/** Both forms of errors tell a code for programs and a message for people. */
type Told = components["schemas"]["PlainError"] | components["schemas"]["WrappedError"];

export interface Options {
  url: string;
  tenant: string;
  patience?: Patience;
}

/** What the service refused, with its code: `EMAIL_TAKEN`. */
export class Refused extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** Every call of it may be made twice: signing up gets the customer who is there. */
export class Customers {
  readonly #api: Client<paths, "application/json">;

  constructor({ url, tenant, patience = { attempts: 3, pause: 100 } }: Options) {
    this.#api = createClient<paths, "application/json">({
      baseUrl: url,
      headers: { "X-Tenant-ID": tenant },
      fetch: retrying(patience),
    });
  }

  async signUp(details: Details): Promise<Customer> {
    const { data, error } = await this.#api.POST("/api/v1/customers", { body: details });
    return data ?? refuse(error);
  }

  async find(customerId: string): Promise<Customer | undefined> {
    const { data, error, response } = await this.#api.GET("/api/v1/customers/{customerId}", {
      params: { path: { customerId } },
    });
    return response.status === 404 ? undefined : (data ?? refuse(error));
  }

  /** The customer is blocked afterwards; false if they were before. */
  async block(customerId: string, reason: string): Promise<boolean> {
    const { data, error } = await this.#api.POST("/api/v1/customers/{customerId}/lock", {
      params: { path: { customerId } },
      body: { reason },
    });
    if (error?.code === "ALREADY_BLOCKED") return false;
    return data?.success ?? refuse(error);
  }

  /** The names of the segments that the customer is in now. */
  async segmentsOf(customerId: string): Promise<string[]> {
    const { data, error } = await this.#api.GET("/api/v1/customers/{customerId}/segments", {
      params: { path: { customerId } },
    });
    return (data ?? refuse(error)).map((segment) => segment.name);
  }
}

function refuse(error: Told | undefined): never {
  throw new Refused(error?.code ?? "UNREADABLE", error?.message ?? "the answer is no JSON");
}
