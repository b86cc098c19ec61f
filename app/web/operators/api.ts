/** The operators' part of the API: every call carries the token in its header. */

import { follow } from "../client/src/follow.ts";
import { TriageError } from "../client/src/errors.ts";
import { type Call, Transport } from "../client/src/transport.ts";
import { session, signOut } from "./session.ts";

const transport = new Transport({
  baseUrl: "",
  fetch: (input, init) => fetch(input, init),
  retryForMs: 0,
  timeoutMs: 40_000,
});

/** What filters and pages add to an address; what is empty is left out. */
export type Query = Record<string, string | number | boolean | string[] | null | undefined>;

/** Read something. */
export function read<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  return call<T>({ method: "GET", path: path + written(query), signal });
}

/** Change something; with a key it happens once, however often it is sent. */
export function send<T>(method: "POST" | "PUT" | "DELETE", path: string, body?: unknown, key?: string): Promise<T> {
  return call<T>({ method, path, body, ...(key ? { key } : {}) });
}

/** A page of HTML, as it is. */
export async function readPage(path: string): Promise<Blob> {
  const patience = AbortSignal.timeout(transport.options.timeoutMs);
  const response = await transport.open(
    { method: "GET", path, token: session.now.token, headers: { Accept: "text/html" } },
    patience,
  );
  return response.blob();
}

/** Whether a token opens any of the operators' part of this server. */
export async function isGood(token: string): Promise<boolean> {
  try {
    await transport.once({ method: "GET", path: "/operator/figures", token });
    return true;
  } catch (error) {
    if (error instanceof TriageError && (error.status === 401 || error.status === 403)) return false;
    throw error;
  }
}

/** Call back whenever something happens in a case, until the signal ends it. */
export async function watch(caseId: string, heard: () => void, signal: AbortSignal): Promise<void> {
  const stream = follow({
    transport: new Transport({ ...transport.options, retryForMs: 600_000 }),
    call: (last) => ({
      method: "GET",
      path: `/operator/cases/${caseId}/events`,
      token: session.now.token,
      ...(last ? { headers: { "Last-Event-ID": last } } : {}),
    }),
    isLast: () => false,
    after: null,
    silenceMs: 45_000,
    signal,
  });
  for await (const one of stream) {
    if (signal.aborted) return;
    if ("frame" in one || ("state" in one && one.state === "restored")) heard();
  }
}

async function call<T>(asked: Call): Promise<T> {
  const token = session.now.token;
  try {
    return (await transport.once<T>({ ...asked, token })).value;
  } catch (error) {
    if (error instanceof TriageError && error.status === 401 && token === session.now.token) signOut("refused");
    throw error;
  }
}

function written(query: Query): string {
  const parts = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === null || value === undefined || value === "") continue;
    for (const one of Array.isArray(value) ? value : [value]) parts.append(name, String(one));
  }
  const text = parts.toString();
  return text ? `?${text}` : "";
}
