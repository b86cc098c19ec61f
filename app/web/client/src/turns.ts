/** A turn: a message and its answer, by stream where there is one and without where there is none. */

import { follow, NoStream } from "./follow.js";
import type { StatusView, TurnAnswer, TurnSnapshot } from "./schema.js";
import { retryAfter, type Call, type Transport } from "./transport.js";
import type { OnBusy, TerminalEvent, TurnEvent } from "./types.js";
import { pause } from "./waiting.js";

const TERMINAL = new Set(["turn.completed", "turn.cancelled", "turn.failed"]);
/** Seconds for which one request without a stream waits for an answer. */
const WAIT_SECONDS = 20;

/** Whether an event ends its turn. */
export function isTerminal(event: { type: string }): event is TerminalEvent {
  return TERMINAL.has(event.type);
}

/**
 * Return the answer's text after an event, from the text before it.
 *
 * @example
 * let text = "";
 * for await (const event of client.continueConversationStream(caseId, "I was dismissed.")) {
 *   text = textAfter(text, event);
 *   show(text);
 * }
 */
export function textAfter(text: string, event: TurnEvent): string {
  switch (event.type) {
    case "delta":
      return text + event.t;
    case "turn.restarted":
      return "";
    case "snapshot":
      return event.text;
    case "turn.completed":
    case "turn.cancelled":
      return event.message;
    default:
      return text;
  }
}

/** A message on its way, or a turn that is followed again. */
export interface TurnPlan {
  transport: Transport;
  caseId: string;
  token: string | null;
  /** What is said, with its key; absent where only a known turn is followed. */
  said?: { message: string; key: string; onBusy?: OnBusy | undefined };
  /** The turn, where it is known. */
  turn: number | null;
  after: string | null;
  silenceMs: number;
  signal?: AbortSignal | undefined;
  /** Hears that the answer goes on without a stream. */
  replaced?(): void;
}

/** Yield a turn's events to its terminal one. */
export async function* turnEvents(plan: TurnPlan): AsyncGenerator<TurnEvent> {
  let turn = plan.turn;
  let accepted = turn;
  const following = follow({
    transport: plan.transport,
    after: plan.after,
    silenceMs: plan.silenceMs,
    signal: plan.signal,
    call: (last) => (turn === null ? post(plan, "/continue-stream") : resume(plan, turn, last)),
    opened: (response) => {
      turn ??= turnOf(response.headers);
    },
    isLast: (frame) => TERMINAL.has(frame.type),
  });
  try {
    for await (const one of following) {
      if ("type" in one) {
        yield one;
        continue;
      }
      const event = "frame" in one ? ({ ...one.data, type: one.frame.type } as TurnEvent) : null;
      // Another host's headers may be hidden from a page; the first event says the same.
      if (event?.type === "turn.started") turn ??= event.turn;
      if (turn !== null && accepted === null) {
        accepted = turn;
        yield { type: "turn.accepted", turn };
      }
      if (event && "frame" in one) yield one.frame.id ? { ...event, id: one.frame.id } : event;
    }
  } catch (error) {
    if (!(error instanceof NoStream)) throw error;
    plan.replaced?.();
    yield* asked(plan, turn, accepted === null);
  }
}

/** The same without a stream. */
async function* asked(
  plan: TurnPlan,
  known: number | null,
  tell: boolean,
): AsyncGenerator<TurnEvent> {
  let turn = known;
  if (turn === null) {
    const reply = await plan.transport.call<TurnAnswer | TurnSnapshot>(post(plan, "/continue"));
    turn = reply.value.turn;
    if (tell) yield { type: "turn.accepted", turn };
    if (reply.status === 200) {
      yield* ended(reply.value as TurnAnswer);
      return;
    }
  }
  let shown = "";
  for await (const seen of snapshots(plan, turn)) {
    if (seen.text !== shown) yield { type: "snapshot", text: (shown = seen.text) };
    if (seen.status !== "queued" && seen.status !== "running") {
      const status = await plan.transport.call<StatusView>(get(plan, `/status/${plan.caseId}`));
      yield* ended({ ...fromStatus(status.value), turn, outcome: seen.status, message: seen.text });
    }
  }
}

/** Say something and wait for the whole answer. */
export async function turnAnswer(plan: TurnPlan, call: Call): Promise<TurnAnswer> {
  for (;;) {
    const reply = await plan.transport.call<TurnAnswer | TurnSnapshot>(call);
    if (reply.status === 200) return reply.value as TurnAnswer;
    // It goes on by itself; once it is over, the same request is answered with all of it.
    for await (const _ of snapshots(plan, reply.value.turn));
  }
}

/** Yield a turn as it stands, whenever it changed, until it is over. */
async function* snapshots(plan: TurnPlan, turn: number): AsyncGenerator<TurnSnapshot> {
  let tag: string | null = null;
  for (;;) {
    const call = get(plan, `/cases/${plan.caseId}/turns/${turn}`);
    const headers: Record<string, string> = tag ? { "If-None-Match": tag } : {};
    const reply = await plan.transport.call<TurnSnapshot>({ ...call, headers });
    if (reply.status !== 304) {
      tag = reply.headers.get("ETag");
      yield reply.value;
      if (reply.value.status !== "queued" && reply.value.status !== "running") return;
    }
    await pause((retryAfter(reply.headers) ?? 1) * 1_000, plan.signal);
  }
}

function* ended(answer: Omit<TurnAnswer, "case_id">): Generator<TurnEvent> {
  const { turn, message, interview, status, complexity, confidence, missing, job } = answer;
  switch (answer.outcome) {
    case "completed":
      if (job && (job.state === "queued" || job.state === "running")) {
        yield { type: "analysis.queued", turn, job: job.job, queue: job.queue };
      }
      yield {
        type: "turn.completed",
        ...{ turn, message, interview, status, complexity, confidence, missing },
      };
      return;
    case "cancelled":
      yield { type: "turn.cancelled", turn, message };
      return;
    case "failed":
      yield { type: "turn.failed", turn, message };
      return;
  }
}

function fromStatus(found: StatusView): Omit<TurnAnswer, "case_id" | "turn" | "outcome" | "message"> {
  const { status, complexity, confidence, missing, job } = found;
  const interview = status === "completed" ? "complete" : "active";
  return { status, interview, complexity, confidence, missing, job };
}

function post(plan: TurnPlan, path: string): Call {
  if (!plan.said) throw new TypeError("a turn that is not known cannot be followed");
  const { message, key, onBusy } = plan.said;
  return {
    method: "POST",
    path: onBusy ? `${path}?on_busy=${onBusy}` : path,
    ...credentials(plan),
    key,
    headers: path === "/continue" ? { Prefer: `wait=${WAIT_SECONDS}` } : {},
    body: { case_id: plan.caseId, message },
  };
}

function resume(plan: TurnPlan, turn: number, last: string | null): Call {
  const call = get(plan, `/cases/${plan.caseId}/turns/${turn}/events`);
  return last ? { ...call, headers: { "Last-Event-ID": last } } : call;
}

function get(plan: TurnPlan, path: string): Call {
  return { method: "GET", path, ...credentials(plan) };
}

function credentials(plan: TurnPlan): Pick<Call, "token" | "signal"> {
  return { token: plan.token, signal: plan.signal };
}

function turnOf(headers: Headers): number | null {
  return Number(headers.get("Triage-Turn")) || null;
}

/** The call that says something without a stream. */
export function saying(plan: TurnPlan): Call {
  return post(plan, "/continue");
}
