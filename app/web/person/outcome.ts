/** The result: waited for while it is made, shown when it is there, made anew. */

import { TriageError, type Analysis, type CaseEvent, type TurnEvent } from "../client/src/index.ts";
import type { Core } from "./core.ts";
import { isPossible } from "./push.ts";

type Queued = Extract<TurnEvent, { type: "analysis.queued" }>;
type Told = Extract<
  CaseEvent,
  { type: "analysis.queued" | "analysis.progress" | "analysis.completed" | "analysis.failed" }
>;

export class Outcome {
  /** The latest turn whose analysis is known to be over. */
  private over = 0;
  private loading: Promise<void> | null = null;
  /** Whether the person asked to see the result, by ending or by coming back. */
  isAsked = true;

  constructor(private readonly core: Core) {}

  /** Forget the case that was left. */
  reset(): void {
    this.over = 0;
    this.loading = null;
    this.isAsked = true;
  }

  /** An analysis goes on in the background. */
  queued({ turn, ahead, estimate }: Queued | Extract<Told, { type: "analysis.queued" }>): void {
    const { core } = this;
    const { work } = core.store.now;
    if (turn <= this.over || (work && work.turn >= turn)) return;
    const pace = estimate ? { half: estimate.p50_ms, most: estimate.p90_ms } : null;
    core.store.set({
      work: { turn, state: "queued", ahead: ahead ?? 0, done: 0, of: 0, estimate: pace, message: "" },
      remaking: core.store.now.result !== null,
    });
    core.announce(core.texts.workTitle);
    void this.offerTelling();
  }

  /** What the case's own stream tells of analyses, in order. */
  async hear(event: Told): Promise<void> {
    const { core } = this;
    switch (event.type) {
      case "analysis.queued":
        return this.queued(event);
      case "analysis.progress": {
        const { work } = core.store.now;
        if (event.turn <= this.over || !work || work.turn !== event.turn) return;
        const { done, of } = event;
        return core.store.set({ work: { ...work, state: "running", done, of } });
      }
      case "analysis.completed":
        return this.made(event.turn);
      case "analysis.failed": {
        if (event.turn <= this.over) return;
        this.over = event.turn;
        const { work } = core.store.now;
        const known = work ?? { ahead: 0, done: 0, of: 0, estimate: null };
        core.store.set({
          work: { ...known, turn: event.turn, state: "failed", message: event.message },
          remaking: false,
        });
        return core.announce(event.message);
      }
    }
  }

  /** The analysis that a turn asked for is there. */
  async made(turn: number): Promise<void> {
    if (turn <= this.over) return;
    this.over = turn;
    await this.load();
  }

  /** The interview is over since a turn: its result is there, or will be. */
  async expect(turn: number): Promise<void> {
    const { work } = this.core.store.now;
    if (work?.turn === turn) return; // the case's stream will tell
    this.over = Math.max(this.over, turn);
    await this.load();
  }

  /** Fetch the result, if there is one, and show it. */
  load(): Promise<void> {
    this.loading ??= this.fetch().finally(() => {
      this.loading = null;
    });
    return this.loading;
  }

  private async fetch(): Promise<void> {
    const { core } = this;
    const { signal, caseId } = core;
    try {
      const result = await core.client.getResult(caseId, { signal });
      if (!signal.aborted) this.show(result);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof TriageError) || error.status !== 409) core.tell(error);
    }
  }

  private show(result: Analysis): void {
    const { core } = this;
    const before = core.store.now.result;
    const { work } = core.store.now;
    const settled = work && work.turn <= this.over && work.state !== "failed";
    core.store.set({
      result,
      ...(settled ? { work: null, remaking: false } : {}),
      ...(work ? {} : { remaking: false }),
    });
    if (before?.created_at === result.created_at) return;
    const { area, subarea } = result.classification;
    const name = subarea ?? area ?? core.texts.unplaced;
    core.announce(`${core.texts.yourResult}: ${name}`);
    // Nobody is torn away from the last answer, from what they are writing, or from a human.
    const box = document.activeElement;
    const writing = box instanceof HTMLTextAreaElement && box.value !== "";
    if (!this.isAsked || writing || core.store.now.view?.handoff?.status === "taken") {
      core.freshen("result");
    } else if (core.store.now.part !== "result") {
      core.show("result", true);
      scrollTo({ top: 0, behavior: "instant" });
    }
  }

  private async offerTelling(): Promise<void> {
    if (this.core.store.now.telling !== "unknown") return;
    this.core.store.set({ telling: await isPossible(this.core.client) });
  }
}
