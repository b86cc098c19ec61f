/** Calls of the server: tried again while a try makes sense, each bounded in time. */

import { ConnectionLost, TriageError } from "./errors.js";
import type { Problem } from "./schema.js";
import { backoff, Patience, pause } from "./waiting.js";

const BASE = "/api/v2/triage";

/** One request. */
export interface Call {
  method: "GET" | "POST" | "PUT" | "DELETE";
  /** Behind `/api/v2/triage`. */
  path: string;
  token?: string | null;
  /** The idempotency key: the same for every try. */
  key?: string;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
}

/** An answer that was read to its end. */
export interface Reply<T> {
  status: number;
  headers: Headers;
  value: T;
}

/** How often and how long a server is called. */
export interface TransportOptions {
  baseUrl: string;
  fetch: typeof globalThis.fetch;
  retryForMs: number;
  timeoutMs: number;
}

/** Speaks HTTP. */
export class Transport {
  constructor(readonly options: TransportOptions) {}

  /** Call until it works, trying is useless, or it took too long.
   *
   * Throws `TriageError`, `ConnectionLost`, or the signal's reason.
   */
  async call<T>(call: Call): Promise<Reply<T>> {
    const trying = new Trying(this.options.retryForMs);
    for (;;) {
      try {
        return await this.once<T>(call);
      } catch (error) {
        if (call.signal?.aborted) throw call.signal.reason;
        await pause(trying.failed(error), call.signal);
      }
    }
  }

  /** Call once and read the answer. */
  async once<T>(call: Call): Promise<Reply<T>> {
    const patience = new Patience(call.signal);
    patience.start(this.options.timeoutMs);
    try {
      const response = await this.open(call, patience.signal);
      const text = await response.text();
      const value = (text ? JSON.parse(text) : null) as T;
      return { status: response.status, headers: response.headers, value };
    } finally {
      patience.end();
    }
  }

  /** Send a request and return what answers; throws a refusal. */
  async open(call: Call, signal: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = { Accept: "application/json", ...call.headers };
    if (call.token) headers["Authorization"] = `Bearer ${call.token}`;
    if (call.key) headers["Idempotency-Key"] = call.key;
    if (call.body !== undefined) headers["Content-Type"] = "application/json";
    const response = await this.options.fetch(this.options.baseUrl + BASE + call.path, {
      method: call.method,
      headers,
      signal,
      cache: "no-store",
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
    });
    if (response.ok || response.status === 304) return response;
    throw await refusal(response);
  }
}

/** A row of failures: whether to go on, and after how long. */
export class Trying {
  private tries = 0;
  private since: number | null = null;

  constructor(private readonly retryForMs: number) {}

  /** Return the milliseconds to wait before the next try; throws where there should be none. */
  failed(error: unknown): number {
    if (error instanceof TriageError && !error.passing) throw error;
    const now = Date.now();
    this.since ??= now;
    if (now - this.since >= this.retryForMs) {
      if (error instanceof TriageError) throw error;
      throw new ConnectionLost("the server cannot be reached", { cause: error });
    }
    const wait = backoff(this.tries++);
    const asked = error instanceof TriageError && error.retryAfter ? error.retryAfter * 1_000 : 0;
    return asked + wait;
  }

  /** Milliseconds since the first failure in a row; null where there is none. */
  worked(): number | null {
    const took = this.since === null ? null : Date.now() - this.since;
    this.tries = 0;
    this.since = null;
    return took;
  }
}

/** Seconds that a server asks to wait; null where it does not. */
export function retryAfter(headers: Headers): number | null {
  const text = headers.get("Retry-After") ?? "";
  if (/^\d+$/.test(text)) return Number(text);
  const date = Date.parse(text);
  return Number.isNaN(date) ? null : Math.max(0, Math.ceil((date - Date.now()) / 1_000));
}

async function refusal(response: Response): Promise<TriageError> {
  let problem: Problem | null = null;
  try {
    const found: unknown = await response.json();
    if (typeof found === "object" && found !== null && "status" in found) problem = found as Problem;
  } catch {
    // Something between us and the server answered in words of its own.
  }
  return new TriageError(response.status, problem, retryAfter(response.headers));
}
