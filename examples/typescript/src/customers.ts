// The storefront's client of the customers service. Its types are generated from the service's
// OpenAPI document, so the compiler notices when the two no longer match.

import createClient, { type Client } from "openapi-fetch";

import type { components, paths } from "../generated/customers-service.js";
import { type Patience, retrying } from "./retrying.js";

export type Customer = components["schemas"]["Customer"];
export type Order = components["schemas"]["OrderWithRefunds"];
export type Filters = Omit<
  NonNullable<paths["/api/v1/customers"]["get"]["parameters"]["query"]>,
  "cursor" | "page"
>;
export type Details = components["schemas"]["CustomerDetails"];

/** Both forms of errors have a code for programs and a message for people. */
type Told = components["schemas"]["PlainError"] | components["schemas"]["WrappedError"];

export interface Options {
  url: string;
  tenant: string;
  patience?: Patience;
}

/** An error of the service, with its code, such as `EMAIL_TAKEN`. */
export class Refused extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** Every call is safe to repeat: signing up again returns the existing customer. */
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

  /**
   * Finds customers by what people type, such as parts of a name in any order, a phone number or the
   * number of an order. Reads page after page while the caller goes on. A misspelt filter is refused.
   */
  async *search(text: string, filters: Filters = {}): AsyncGenerator<Customer> {
    let cursor: string | null = "";
    while (cursor !== null) {
      const query: Filters & { cursor: string } = { ...filters, search: text, cursor };
      const { data, error } = await this.#api.GET("/api/v1/customers", { params: { query } });
      const page = data ?? refuse(error);
      yield* page.customers;
      cursor = "nextCursor" in page ? page.nextCursor : null;
    }
  }

  /** An order with its refunds. */
  async order(customerId: string, orderId: string): Promise<Order | undefined> {
    const { data, error, response } = await this.#api.GET(
      "/api/v1/customers/{customerId}/orders/{orderId}",
      { params: { path: { customerId, orderId } } },
    );
    return response.status === 404 ? undefined : (data ?? refuse(error));
  }

  /** Blocks the customer. Returns false if they were blocked already. */
  async block(customerId: string, reason: string): Promise<boolean> {
    const { data, error } = await this.#api.POST("/api/v1/customers/{customerId}/lock", {
      params: { path: { customerId } },
      body: { reason },
    });
    if (error?.code === "ALREADY_BLOCKED") return false;
    return data?.success ?? refuse(error);
  }

  /** Returns the names of the customer's segments. */
  async segmentsOf(customerId: string): Promise<string[]> {
    const { data, error } = await this.#api.GET("/api/v1/customers/{customerId}/segments", {
      params: { path: { customerId } },
    });
    return (data ?? refuse(error)).map((segment) => segment.name);
  }
}

function refuse(error: Told | undefined): never {
  throw new Refused(error?.code ?? "UNREADABLE", error?.message ?? "the answer is not JSON");
}
