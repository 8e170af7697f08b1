// The real customers service, in memory and with its test API, for one file of tests.

import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** A call in the service's call log. */
export interface Call {
  status: number;
  lost: boolean;
  answer: { id?: string } | null;
}

export class Service {
  private constructor(
    readonly url: string,
    readonly stop: () => Promise<void>,
  ) {}

  /** Uses the service at CUSTOMERS_HTTP, or starts the command CUSTOMERS. */
  static async start(): Promise<Service> {
    const running = process.env["CUSTOMERS_HTTP"];
    if (running) return new Service(running, async () => {});
    const folder = mkdtempSync(join(tmpdir(), "customers-"));
    const ready = join(folder, "ready.json");
    const options = ["--storage", "memory", "--test-api", "--port", "0", "--rpc-port", "0"];
    const child = spawn(
      process.env["CUSTOMERS"] || "customers",
      ["serve", ...options, "--ready-file", ready, "--log-level", "error"],
      { stdio: ["ignore", "inherit", "inherit"] },
    );
    const ended = new Promise<string>((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("exit", (code) => resolve(`it exited with ${code}`));
    });
    const stop = async () => {
      child.kill("SIGTERM");
      await ended;
      rmSync(folder, { recursive: true });
    };
    const failed = await Promise.race([ended, appears(ready)]);
    if (failed) {
      await stop();
      throw new Error(`the customers service did not start: ${failed}`);
    }
    return new Service(JSON.parse(readFileSync(ready, "utf8")).http as string, stop);
  }

  /** A new tenant for each test: none sees another's customers, faults or calls. */
  tenant(): string {
    return `storefront-${randomUUID()}`;
  }

  /** Sets up a provider state in the tenant; returns its values, such as the customer's id. */
  async state(tenantId: string, state: string, params: object = {}): Promise<Values> {
    const made = await this.post("/__test/states", { state, params: { tenantId, ...params } });
    return made["values"] as Values;
  }

  /** Adds a fault to an operation of the tenant. */
  async arm(tenantId: string, operation: string, fault: object): Promise<void> {
    await this.post("/__test/faults", { match: { tenantId, operation }, ...fault });
  }

  async advance(seconds: number): Promise<void> {
    await this.post("/__test/clock/advance", { seconds });
  }

  /** Returns the recorded calls of an operation of the tenant, oldest first. */
  async heard(tenantId: string, operation: string): Promise<Call[]> {
    const query = new URLSearchParams({ tenant_id: tenantId, operation });
    const answer = await fetch(`${this.url}/__test/requests?${query}`);
    return ((await json(answer))["requests"] as Call[]) ?? [];
  }

  /** Sends a body to the API of customers, as the tenant. */
  async send(tenantId: string, path: string, body: object): Promise<Values> {
    return this.post(`/api/v1${path}`, body, { "X-Tenant-ID": tenantId });
  }

  async post(path: string, body: object, headers: object = {}): Promise<Values> {
    return json(
      await fetch(this.url + path, {
        method: "POST",
        headers: { "Content-Type": "application/json", ...headers },
        body: JSON.stringify(body),
      }),
    );
  }
}

// The OpenAPI document does not describe the test API.
type Values = Record<string, any>;

async function json(answer: Response): Promise<Values> {
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${answer.url}: ${answer.status} ${text}`);
  return JSON.parse(text) as Values;
}

/** Waits for the ready file, which is complete once it exists. Returns an error after a time. */
async function appears(ready: string): Promise<string | undefined> {
  for (let waited = 0; waited < 30_000; waited += 10) {
    if (existsSync(ready)) return undefined;
    await sleep(10, undefined, { ref: false });
  }
  return "no ready file within 30 seconds";
}
