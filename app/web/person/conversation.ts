/** Turns: said, followed word by word, stopped; also those that somebody else began. */

import type { CaseView, PendingTurn, TurnEvent } from "../client/src/index.ts";
import { randomName } from "../common/random.ts";
import type { Core } from "./core.ts";
import type { Outcome } from "./outcome.ts";
import { isOpen, SILENT } from "./state.ts";

type Ended = Extract<TurnEvent, { type: "turn.completed" | "turn.cancelled" | "turn.failed" }>;

/** Who hears of what was said. */
export interface Ears {
  /** A turn of ours was accepted. */
  began(turn: number): void;
  /** Words were not taken. */
  refused(text: string): void;
}

export class Conversation {
  constructor(
    private readonly core: Core,
    private readonly outcome: Outcome,
    private readonly ears: Ears,
  ) {}

  get isBusy(): boolean {
    return this.core.store.now.sending !== null || this.core.answering.now.turn !== null;
  }

  /** Say something, and show the answer as it comes. */
  async say(text: string): Promise<void> {
    const { core } = this;
    if (this.isBusy) return;
    const options = { signal: core.signal, idempotencyKey: randomName() };
    await this.send(text, core.client.continueConversationStream(core.caseId, text, options));
  }

  /** Go on with a message that an earlier visit could not see answered. */
  async deliver(pending: PendingTurn): Promise<void> {
    const { core } = this;
    const events = core.client.resumePending(core.caseId, pending, { signal: core.signal });
    const turn = core.store.now.view?.turns.find((one) => one.turn === pending.turn);
    if (!turn) return this.send(pending.message, events);
    if (!isOpen(turn)) return void (await core.attempt(() => drained(events)));
    core.answering.set({ ...SILENT, turn: turn.turn });
    await core.attempt(() => this.follow(events, turn.turn, null));
  }

  private async send(text: string, events: AsyncGenerator<TurnEvent>): Promise<void> {
    const { core } = this;
    const { signal } = core;
    this.outcome.isAsked = false;
    core.store.set({ sending: text, notice: null });
    const done = await core.attempt(() => this.follow(events, null, text));
    if (done || signal.aborted) return;
    core.answering.set(SILENT);
    if (core.store.now.sending === null) return;
    core.store.set({ sending: null });
    this.ears.refused(text);
  }

  /** Show what is being answered already, one after the other. */
  async attend(): Promise<void> {
    const { core } = this;
    const { signal, caseId } = core;
    for (;;) {
      const turn = core.store.now.view?.turns.find(isOpen)?.turn;
      if (turn === undefined || this.isBusy || signal.aborted) return;
      core.answering.set({ ...SILENT, turn });
      const events = core.client.resumeTurn(caseId, turn, { signal });
      if (!(await core.attempt(() => this.follow(events, turn, null)))) return;
    }
  }

  /** Stop the answer; what was said of it stays. */
  async stop(): Promise<void> {
    const { core } = this;
    const { turn } = core.answering.now;
    if (turn === null) return;
    await core.attempt(() => core.client.cancelTurn(core.caseId, turn));
  }

  /** Read the case again, and show what is new in it. */
  async refresh(): Promise<void> {
    const { core } = this;
    const { signal, caseId } = core;
    const known = new Map(core.store.now.view?.turns.map((one) => [one.turn, one]));
    const done = await core.attempt(async () => {
      const view = await core.client.getCase(caseId, { signal });
      if (!signal.aborted) this.take(view);
    });
    if (!done) return;
    for (const turn of core.store.now.view?.turns ?? []) {
      const before = known.get(turn.turn);
      if (isOpen(turn) || turn.outcome === "failed" || (before && !isOpen(before))) continue;
      if (turn.turn !== core.answering.now.turn) this.tellOf(turn);
    }
    await this.attend();
  }

  /** Show a case as it is now; a form that was submitted, wherever, is open no more. */
  private take(view: CaseView): void {
    const { store } = this.core;
    const { form, part } = store.now;
    store.set({ view });
    if (form?.status !== "open" || view.form_status !== "submitted") return;
    store.set({ form: { ...form, status: "submitted" }, part: part === "form" ? "talk" : part });
  }

  /** Have what others did read out, and mark it where nobody looks. */
  private tellOf(turn: { kind: string; operator?: string | null; reply: string }): void {
    const { core } = this;
    const { texts } = core;
    const who = turn.operator ?? "";
    if (turn.operator || turn.kind === "need_human" || turn.kind === "say") core.freshen("talk");
    if (turn.kind === "operator") return core.announce(`${who}: ${turn.reply}`);
    const mark = { take: texts.joined(who), hand_back: texts.left(who) }[turn.kind];
    core.announce([mark && `${mark}.`, turn.reply].filter(Boolean).join(" "));
  }

  private async follow(
    events: AsyncGenerator<TurnEvent>,
    known: number | null,
    text: string | null,
  ): Promise<void> {
    let ended: Ended | null = null;
    for await (const event of events) {
      if (this.core.signal.aborted) return;
      if (event.type === "turn.accepted") this.accepted(event.turn, text);
      ended = this.hear(event) ?? ended;
    }
    const turn = known ?? this.core.answering.now.turn;
    if (ended) await this.end(ended);
    else {
      // It was over before we came.
      this.core.answering.set(SILENT);
      if (turn !== null) await this.refresh();
    }
  }

  private accepted(turn: number, text: string | null): void {
    const { core } = this;
    if (text !== null) core.putTurn({ turn, kind: "say", message: text, outcome: "running" });
    core.answering.set({ ...SILENT, turn });
    core.store.set({ sending: null });
    this.ears.began(turn);
  }

  /** Show an event; returned is the one that ends the turn. */
  private hear(event: TurnEvent): Ended | null {
    const { core } = this;
    const { answering } = core;
    switch (event.type) {
      case "status":
        answering.set({ status: event.status === "analysing" ? "analysing" : "reading" });
        return null;
      case "delta":
        answering.set({ words: [...answering.now.words, event.t] });
        return null;
      case "turn.restarted":
        answering.set({ words: [], status: "reading" });
        return null;
      case "snapshot":
        answering.set({ words: event.text ? [event.text] : [] });
        return null;
      case "analysis.queued":
        this.outcome.queued(event);
        return null;
      case "connection":
        if (event.state === "lost") core.lost();
        else core.store.set({ network: "fine" });
        return null;
      case "turn.completed":
      case "turn.cancelled":
      case "turn.failed":
        return event;
      default:
        return null;
    }
  }

  private async end(event: Ended): Promise<void> {
    const { core } = this;
    const { failures, view } = core.store.now;
    if (event.type === "turn.failed") {
      const failure = { message: event.message, retryable: event.retryable ?? true };
      core.store.set({ failures: { ...failures, [event.turn]: failure } });
      core.putTurn({ turn: event.turn, outcome: "failed" });
    } else {
      const outcome = event.type === "turn.completed" ? "completed" : "cancelled";
      core.putTurn({ turn: event.turn, outcome, reply: event.message });
    }
    core.answering.set(SILENT);
    core.announce(event.message || (event.type === "turn.completed" ? "" : core.texts.stopped));
    core.freshen("talk");
    if (event.type !== "turn.completed") return;
    if (event.status === "completed") core.putView({ status: "completed" });
    const handoff = event.handoff ?? null;
    if (handoff && handoff !== view?.handoff?.status) await this.refresh();
    // While a human answers, the result stays as it was.
    if (event.interview === "complete" && handoff !== "taken") await this.outcome.expect(event.turn);
  }
}

/** Read what is known already, so that it counts as seen. */
async function drained(events: AsyncGenerator<TurnEvent>): Promise<void> {
  for await (const _ of events);
}
