/** The client: every call of the API that a frontend for people needs. */

import { follow } from "./follow.js";
import { TriageError } from "./errors.js";
import { Shelf } from "./pending.js";
import { type BrowserSubscription, type PushRegistration, subscription } from "./push.js";
import type {
  Analysis,
  CaseExport,
  CaseView,
  FormView,
  LinkMade,
  LinkOpened,
  PushKey,
  PushTaken,
  RatingView,
  Started,
  StatusView,
  TurnAnswer,
  TurnSnapshot,
} from "./schema.js";
import { memoryStore } from "./store.js";
import { type Call, type Reply, Transport } from "./transport.js";
import { isTerminal, saying, turnAnswer, turnEvents, type TurnPlan } from "./turns.js";
import type {
  Answer,
  CallOptions,
  CaseEvent,
  CommandOptions,
  FormAnswers,
  OnBusy,
  PendingTurn,
  ResumeOptions,
  SayOptions,
  StartOptions,
  TriageCase,
  TriageEvent,
  TriageOptions,
  TurnEvent,
  WaitOptions,
} from "./types.js";
import { resultOf } from "./waitForResult.js";

type Told = TriageEvent extends infer E ? (E extends unknown ? Omit<E, "case_id" | "at" | "variant"> : never) : never;

const RETRY_FOR_MS = 300_000;
const TIMEOUT_MS = 60_000;
const SILENCE_MS = 25_000;

/**
 * Talks to one installation of Triage, in browsers and Node 20.
 *
 * Every call is tried again while that makes sense, with the same idempotency key, so that nothing is
 * done twice. A refusal throws `TriageError`; a server that stays away throws `ConnectionLost`.
 *
 * @example
 * const client = new TriageClient({ baseUrl: "https://triage.example.org", store: localStorage });
 * const opened = await client.startTriage({ locale: "en" });
 * for await (const event of client.continueConversationStream(opened.case_id, "I was dismissed.")) {
 *   if (event.type === "delta") append(event.t);
 * }
 */
export class TriageClient {
  private readonly transport: Transport;
  private readonly shelf: Shelf;
  private readonly silenceMs: number;
  private readonly credential: () => Promise<string | null>;
  private readonly tell: ((event: TriageEvent) => void) | undefined;
  /** Keys of messages that this client is sending right now. */
  private readonly sending = new Set<string>();

  constructor(options: TriageOptions = {}) {
    const { token } = options;
    this.transport = new Transport({
      baseUrl: (options.baseUrl ?? "").replace(/\/+$/, ""),
      // Called bare: a browser's `fetch` refuses to be anybody's method.
      fetch: options.fetch ?? ((...call) => globalThis.fetch(...call)),
      retryForMs: options.retryForMs ?? RETRY_FOR_MS,
      timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
    });
    this.shelf = new Shelf(options.store ?? memoryStore());
    this.silenceMs = options.silenceMs ?? SILENCE_MS;
    this.credential = async () => (typeof token === "function" ? token() : (token ?? null));
    this.tell = options.onEvent;
  }

  // A case from its opening to its end.

  /** Open a case. Its token goes into the store; use `byVariant` to choose what to show. */
  async startTriage(options: StartOptions = {}): Promise<TriageCase> {
    const { playbook, locale, userRef, attributes, idempotencyKey, signal } = options;
    const reply = await this.transport.call<Started>({
      method: "POST",
      path: "/start",
      token: await this.credential(),
      key: idempotencyKey ?? newKey(),
      body: { playbook, locale, user_ref: userRef, attributes },
      signal,
    });
    const opened = reply.value;
    await this.shelf.opened(opened.case_id, opened.case_token, opened.variant);
    await this.told(opened.case_id, {
      name: "case.started",
      playbook: opened.playbook,
      locale: opened.locale,
    });
    return opened as TriageCase;
  }

  /** Use a case whose token you kept yourself. */
  async adoptCase(caseId: string, caseToken: string): Promise<void> {
    await this.shelf.opened(caseId, caseToken);
  }

  /** Read the whole conversation, to draw it anew. */
  async getCase(caseId: string, options: CallOptions = {}): Promise<CaseView> {
    return (await this.of<CaseView>(caseId, "GET", `/cases/${caseId}`, options)).value;
  }

  /** Read how the case stands: what a frontend needs that polls. */
  async getStatus(caseId: string, options: CallOptions = {}): Promise<StatusView> {
    return (await this.of<StatusView>(caseId, "GET", `/status/${caseId}`, options)).value;
  }

  /** Follow the case's own life, in order and each event once, until the signal fires. */
  async *caseEvents(caseId: string, options: ResumeOptions = {}): AsyncGenerator<CaseEvent> {
    const token = await this.tokenOf(caseId);
    const following = follow({
      transport: this.transport,
      after: options.after ?? null,
      silenceMs: this.silenceMs,
      signal: options.signal,
      call: (last) => ({
        method: "GET",
        path: `/cases/${caseId}/events`,
        token,
        headers: last ? { "Last-Event-ID": last } : {},
      }),
      isLast: () => false,
    });
    for await (const one of following) {
      if ("type" in one) yield one;
      else if ("frame" in one) {
        const event = { ...one.data, type: one.frame.type } as CaseEvent;
        yield one.frame.id ? { ...event, id: one.frame.id } : event;
      }
    }
  }

  /** Correct something that was understood; an empty value removes it. */
  async correctFact(
    caseId: string,
    slot: string,
    value: string,
    options: CommandOptions = {},
  ): Promise<Answer> {
    const answer = await this.command(caseId, `/cases/${caseId}/facts`, { slot, value }, options);
    await this.told(caseId, { name: "fact.corrected", slot });
    return answer;
  }

  /** End the interview with what is known. */
  async forceComplete(
    caseId: string,
    options: CommandOptions & { reason?: string } = {},
  ): Promise<Answer> {
    const body = { case_id: caseId, reason: options.reason ?? "" };
    const answer = await this.command(caseId, "/force-complete", body, options);
    await this.ended(caseId, answer);
    return answer;
  }

  /** Ask for a human. */
  async askForHuman(
    caseId: string,
    options: CommandOptions & { reason?: string } = {},
  ): Promise<Answer> {
    const body = { reason: options.reason ?? "" };
    const answer = await this.command(caseId, `/cases/${caseId}/handoff`, body, options);
    await this.told(caseId, { name: "human.asked" });
    return answer;
  }

  /** Rate the service from 0 to 10. The latest rating counts. */
  async rate(
    caseId: string,
    score: number,
    options: CallOptions & { comment?: string } = {},
  ): Promise<RatingView> {
    const body = { score, ...(options.comment ? { comment: options.comment } : {}) };
    const path = `/cases/${caseId}/rating`;
    const { value } = await this.of<RatingView>(caseId, "POST", path, { ...options, body });
    await this.told(caseId, { name: "rated", score });
    return value;
  }

  /** Read everything that is held about the case. */
  async exportCase(caseId: string, options: CallOptions = {}): Promise<CaseExport> {
    const { value } = await this.of<CaseExport>(caseId, "GET", `/cases/${caseId}/export`, options);
    await this.told(caseId, { name: "case.exported" });
    return value;
  }

  /** Erase everything that is held about the case. There is no way back. */
  async deleteCase(caseId: string, options: CallOptions = {}): Promise<void> {
    await this.of(caseId, "DELETE", `/cases/${caseId}`, options);
    await this.told(caseId, { name: "case.erased" });
    await this.shelf.forget(caseId);
  }

  /** Forget the case here: its token, and what was being sent. The server keeps it. */
  async forgetCase(caseId: string): Promise<void> {
    await this.shelf.forget(caseId);
  }

  // Conversation.

  /**
   * Say something and yield what happens until the turn is over, whatever the network does: a broken
   * stream is resumed behind the last event, and where no stream comes through at all, the answer is
   * fetched without one.
   *
   * The message is kept in the store, under its idempotency key, until the turn is over or refused.
   * After a reload, `pendingTurns` and `resumePending` go on with it; said again before it was known
   * to be accepted, it is the same turn.
   */
  async *continueConversationStream(
    caseId: string,
    message: string,
    options: SayOptions = {},
  ): AsyncGenerator<TurnEvent> {
    const pending = await this.pendingFor(caseId, message, options);
    yield* this.said(caseId, pending, null, options.signal);
  }

  /** The same without a stream: wait for the whole answer. */
  async continueConversation(
    caseId: string,
    message: string,
    options: SayOptions = {},
  ): Promise<Answer> {
    const pending = await this.pendingFor(caseId, message, options);
    return this.settling(caseId, pending, async () => {
      const plan = await this.plan(caseId, pending, null, options.signal);
      const answer = await turnAnswer(plan, saying(plan));
      await this.told(caseId, { name: "message.sent", turn: answer.turn });
      await this.ended(caseId, answer);
      return answer;
    });
  }

  /** Messages whose end was not seen: what a page sends again after a reload. */
  pendingTurns(caseId: string): Promise<PendingTurn[]> {
    return this.shelf.pending(caseId);
  }

  /** Go on with a message whose end was not seen. It is the same turn, from its first event. */
  async *resumePending(
    caseId: string,
    pending: PendingTurn,
    options: CallOptions = {},
  ): AsyncGenerator<TurnEvent> {
    yield* this.said(caseId, pending, null, options.signal);
  }

  /** Follow a turn that was accepted, from a place on, at any instance. */
  async *resumeTurn(
    caseId: string,
    turn: number,
    options: ResumeOptions = {},
  ): AsyncGenerator<TurnEvent> {
    const plan = await this.plan(caseId, null, turn, options.signal);
    yield* this.observed(caseId, turnEvents({ ...plan, after: options.after ?? null }));
  }

  /** Look at a turn as it stands. */
  async getTurn(caseId: string, turn: number, options: CallOptions = {}): Promise<TurnSnapshot> {
    const path = `/cases/${caseId}/turns/${turn}`;
    return (await this.of<TurnSnapshot>(caseId, "GET", path, options)).value;
  }

  /** Stop a turn, wherever it is made; what was said so far is kept. May be repeated. */
  async cancelTurn(
    caseId: string,
    turn: number,
    options: CallOptions = {},
  ): Promise<TurnSnapshot> {
    const path = `/cases/${caseId}/turns/${turn}/cancel`;
    return (await this.of<TurnSnapshot>(caseId, "POST", path, options)).value;
  }

  // The form of variant v1.

  /** Read the case's form, and what was answered. */
  async getForm(caseId: string, options: CallOptions = {}): Promise<FormView> {
    return (await this.of<FormView>(caseId, "GET", `/cases/${caseId}/form`, options)).value;
  }

  /**
   * Say that the person begins to fill in the form. Call it once, at the first input, and do not wait
   * for it: from here on experiments count them.
   */
  async beginForm(caseId: string, options: CommandOptions = {}): Promise<void> {
    const key = options.idempotencyKey ?? `begin-${caseId}`;
    const path = `/cases/${caseId}/form/begin`;
    await this.command(caseId, path, undefined, { ...options, idempotencyKey: key });
    await this.told(caseId, { name: "form.begun" });
  }

  /** Submit the form. A refusal is a `TriageError` whose `errors` say what is wrong where. */
  async submitForm(
    caseId: string,
    answers: FormAnswers,
    options: CommandOptions = {},
  ): Promise<Answer> {
    try {
      const answer = await this.command(caseId, `/cases/${caseId}/form`, { answers }, options);
      await this.told(caseId, { name: "form.submitted" });
      await this.ended(caseId, answer);
      return answer;
    } catch (error) {
      if (error instanceof TriageError && error.errors) {
        const fields = error.errors.map((one) => one.field);
        await this.told(caseId, { name: "form.refused", fields });
      }
      throw error;
    }
  }

  // The result.

  /** Read the result; 409 `result-not-ready` while there is none. */
  async getResult(caseId: string, options: CallOptions = {}): Promise<Analysis> {
    const { value } = await this.of<Analysis>(caseId, "GET", `/result/${caseId}`, options);
    const { classification, urgency } = value;
    const { code } = classification;
    await this.told(caseId, { name: "result.received", code, urgency: urgency.level });
    return value;
  }

  /**
   * Wait for the result: told by the case's events where they come through, and by polling after 1,
   * 2, then 5 seconds, or as long as the server asks, where they do not.
   *
   * Throws `AnalysisFailed` where the analysis was given up: a person of the organisation looks at
   * the case.
   */
  waitForResult(caseId: string, options: WaitOptions = {}): Promise<Analysis> {
    return resultOf(this, (signal) => this.statusReply(caseId, signal), caseId, options);
  }

  // Other devices and closed pages.

  /** Make a code that opens the case on another device, once, within ten minutes. */
  async makeLink(caseId: string, options: CallOptions = {}): Promise<LinkMade> {
    const { value } = await this.of<LinkMade>(caseId, "POST", `/cases/${caseId}/links`, options);
    await this.told(caseId, { name: "link.made" });
    return value;
  }

  /** Open the case of a code. Its token goes into the store. */
  async openLink(code: string, options: CallOptions = {}): Promise<LinkOpened> {
    const path = "/open-link";
    const { signal } = options;
    const call: Call = { method: "POST", path, key: newKey(), body: { code }, signal };
    const { value } = await this.transport.call<LinkOpened>(call);
    await this.shelf.opened(value.case_id, value.case_token);
    await this.told(value.case_id, { name: "link.opened" });
    return value;
  }

  /**
   * Have this browser told of the case by Web Push, also while the page is closed. Ask for it in a
   * click: browsers want to be asked there. Returns the subscription's name; throws
   * `TriageError` of kind `push-off` where the installation has no Web Push.
   */
  async subscribePush(
    caseId: string,
    registration: PushRegistration,
    options: CallOptions = {},
  ): Promise<string> {
    const key = await this.of<PushKey>(caseId, "GET", "/push/key", options);
    const made: BrowserSubscription = await subscription(registration, key.value.public_key);
    const path = `/cases/${caseId}/push`;
    const call = { ...options, body: made.toJSON() };
    const { value } = await this.of<PushTaken>(caseId, "POST", path, call);
    await this.told(caseId, { name: "push.subscribed" });
    return value.subscription;
  }

  /** Have a browser told no more: the named one, or every one of the case. */
  async unsubscribePush(
    caseId: string,
    name?: string,
    options: CallOptions = {},
  ): Promise<void> {
    const query = name ? `?subscription=${encodeURIComponent(name)}` : "";
    await this.of(caseId, "DELETE", `/cases/${caseId}/push${query}`, options);
  }

  /** Any other call of the API, with the same patience: `path` stands behind `/api/v2/triage`. */
  async request<T>(
    method: Call["method"],
    path: string,
    options: CommandOptions & { body?: unknown; caseId?: string } = {},
  ): Promise<T> {
    const { caseId, body, signal, idempotencyKey: key } = options;
    const token = caseId ? await this.tokenOf(caseId) : await this.credential();
    const call: Call = { method, path, token, body, signal, ...(key ? { key } : {}) };
    return (await this.transport.call<T>(call)).value;
  }

  private async of<T>(
    caseId: string,
    method: Call["method"],
    path: string,
    options: CallOptions & { body?: unknown },
  ): Promise<Reply<T>> {
    const { body, signal } = options;
    const token = await this.tokenOf(caseId);
    return this.transport.call<T>({ method, path, token, body, signal });
  }

  private async statusReply(caseId: string, signal?: AbortSignal): Promise<Reply<StatusView>> {
    return this.of<StatusView>(caseId, "GET", `/status/${caseId}`, signal ? { signal } : {});
  }

  private async command(
    caseId: string,
    path: string,
    body: unknown,
    options: CommandOptions,
  ): Promise<TurnAnswer> {
    const plan = await this.plan(caseId, null, null, options.signal);
    const key = options.idempotencyKey ?? newKey();
    const { token } = plan;
    const call: Call = { method: "POST", path, token, key, body, signal: options.signal };
    return turnAnswer(plan, call);
  }

  private async plan(
    caseId: string,
    pending: PendingTurn | null,
    turn: number | null,
    signal: AbortSignal | undefined,
  ): Promise<TurnPlan> {
    return {
      transport: this.transport,
      caseId,
      token: await this.tokenOf(caseId),
      ...(pending ? { said: pending } : {}),
      turn,
      after: null,
      silenceMs: this.silenceMs,
      signal,
      replaced: () => void this.told(caseId, { name: "stream.replaced" }),
    };
  }

  private async *said(
    caseId: string,
    pending: PendingTurn,
    turn: number | null,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<TurnEvent> {
    this.sending.add(pending.key);
    try {
      const plan = await this.plan(caseId, pending, turn, signal);
      for await (const event of this.observed(caseId, turnEvents(plan))) {
        if (event.type === "turn.accepted") {
          await this.shelf.keep(caseId, { ...pending, turn: event.turn });
        }
        if (isTerminal(event)) await this.shelf.settle(caseId, pending.key);
        yield event;
      }
    } catch (error) {
      if (error instanceof TriageError && !error.passing) await this.shelf.settle(caseId, pending.key);
      throw error;
    } finally {
      this.sending.delete(pending.key);
    }
  }

  private async settling<T>(
    caseId: string,
    pending: PendingTurn,
    answering: () => Promise<T>,
  ): Promise<T> {
    this.sending.add(pending.key);
    try {
      const answer = await answering();
      await this.shelf.settle(caseId, pending.key);
      return answer;
    } catch (error) {
      if (error instanceof TriageError && !error.passing) await this.shelf.settle(caseId, pending.key);
      throw error;
    } finally {
      this.sending.delete(pending.key);
    }
  }

  /** A new message with a key of its own; or one that was begun before and never accepted for all
   * that is known: said again it is the same turn, whether or not it had arrived. */
  private async pendingFor(
    caseId: string,
    message: string,
    options: SayOptions,
  ): Promise<PendingTurn> {
    const { idempotencyKey, onBusy } = options;
    const known = await this.shelf.pending(caseId);
    const begun = known.find((one) =>
      idempotencyKey
        ? one.key === idempotencyKey
        : one.message === message && one.turn === undefined && !this.sending.has(one.key),
    );
    if (begun) return begun;
    const busy: { onBusy?: OnBusy } = onBusy ? { onBusy } : {};
    const pending = { key: idempotencyKey ?? newKey(), message, at: Date.now(), ...busy };
    await this.shelf.keep(caseId, pending);
    return pending;
  }

  /** Pass a turn's events on, and tell the frontend's analytics of them. */
  private async *observed(
    caseId: string,
    events: AsyncGenerator<TurnEvent>,
  ): AsyncGenerator<TurnEvent> {
    const began = Date.now();
    let turn: number | undefined;
    let lostAt: number | null = null;
    let spoke = false;
    const which = () => (turn === undefined ? {} : { turn });
    for await (const event of events) {
      if ("turn" in event && typeof event.turn === "number") turn = event.turn;
      if (event.type === "turn.accepted") {
        await this.told(caseId, { name: "message.sent", turn: event.turn });
      } else if (event.type === "delta" && !spoke && turn !== undefined) {
        spoke = true;
        await this.told(caseId, { name: "turn.first_word", turn, ms: Date.now() - began });
      } else if (event.type === "connection" && event.state === "lost") {
        if (lostAt === null) await this.told(caseId, { name: "connection.lost", ...which() });
        lostAt ??= Date.now();
      } else if (event.type === "connection") {
        const ms = lostAt === null ? 0 : Date.now() - lostAt;
        lostAt = null;
        await this.told(caseId, { name: "connection.restored", ms, ...which() });
      } else if (isTerminal(event)) {
        const outcome = event.type.slice("turn.".length) as "completed" | "cancelled" | "failed";
        const ms = Date.now() - began;
        await this.told(caseId, { name: "turn.ended", turn: event.turn, outcome, ms });
        if (event.type === "turn.completed" && event.interview === "complete") {
          await this.told(caseId, { name: "interview.completed", turn: event.turn });
        }
      }
      yield event;
    }
  }

  private async ended(caseId: string, answer: TurnAnswer): Promise<void> {
    if (answer.interview !== "complete") return;
    await this.told(caseId, { name: "interview.completed", turn: answer.turn });
  }

  private async tokenOf(caseId: string): Promise<string | null> {
    return (await this.shelf.token(caseId)) ?? (await this.credential());
  }

  /** Tell the frontend's analytics. Their mistakes are theirs: a conversation goes on. */
  private async told(caseId: string, event: Told): Promise<void> {
    if (!this.tell) return;
    const variant = await this.shelf.variant(caseId);
    const head = { case_id: caseId, at: Date.now(), ...(variant ? { variant } : {}) };
    try {
      this.tell({ ...head, ...event } as TriageEvent);
    } catch (error) {
      console.error("onEvent failed", error);
    }
  }
}

function newKey(): string {
  // Not `randomUUID`, which browsers have only where a page is served over HTTPS.
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
