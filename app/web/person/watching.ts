/** The case's own stream: what happens to it here, on another device, in the background, by a human.
 *
 * It is followed while the page is looked at. A browser opens few connections to one server, and a
 * forgotten tab should keep none of them. */

import { TriageError, type CaseEvent } from "../client/src/index.ts";
import type { Conversation } from "./conversation.ts";
import type { Core } from "./core.ts";
import type { Outcome } from "./outcome.ts";
import { isOpen } from "./state.ts";

const LOOK_MS = 5_000;

export class Watching {
  private last: string | undefined;
  private current: AbortController | null = null;

  constructor(
    private readonly core: Core,
    private readonly conversation: Conversation,
    private readonly outcome: Outcome,
  ) {
    document.addEventListener("visibilitychange", () => this.sync());
  }

  /** Begin with the case at hand. */
  begin(): void {
    this.current?.abort();
    this.current = null;
    this.last = undefined;
    this.sync();
  }

  private sync(): void {
    if (document.visibilityState === "hidden") {
      this.current?.abort();
      this.current = null;
    } else if (!this.current && this.core.store.now.phase === "open") {
      this.current = new AbortController();
      void this.follow(this.current.signal);
    }
  }

  private async follow(seen: AbortSignal): Promise<void> {
    const { core } = this;
    const signal = AbortSignal.any([seen, core.signal]);
    try {
      const after = this.last === undefined ? {} : { after: this.last };
      for await (const event of core.client.caseEvents(core.caseId, { ...after, signal })) {
        if (signal.aborted) return;
        if (event.id) this.last = event.id;
        await this.hear(event);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof TriageError) core.tell(error);
      else await core.attempt(() => this.poll(signal));
    }
  }

  /** Look again and again, where something on the way lets no stream through. */
  private async poll(signal: AbortSignal): Promise<void> {
    const { core } = this;
    for (let known = ""; ; ) {
      const { turns_done, handoff, job } = await core.client.getStatus(core.caseId, { signal });
      const found = JSON.stringify([turns_done, handoff?.status, job?.job, job?.state]);
      if (known && found !== known && !this.conversation.isBusy) {
        await this.conversation.refresh();
        if (job?.state === "done") await this.outcome.made(job.turn);
      }
      known = found;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      if (signal.aborted) return;
    }
  }

  private async hear(event: CaseEvent): Promise<void> {
    switch (event.type) {
      case "analysis.queued":
      case "analysis.progress":
      case "analysis.completed":
      case "analysis.failed":
        return this.outcome.hear(event);
      case "case.status":
      case "case.fact":
      case "handoff.requested":
      case "handoff.taken":
      case "handoff.message":
      case "handoff.returned":
        if (!this.isShown(event.turn)) await this.conversation.refresh();
        return;
      default:
        return;
    }
  }

  /** Whether a turn is shown to its end, or being answered here. */
  private isShown(turn: number): boolean {
    if (this.core.answering.now.turn === turn || this.core.store.now.sending !== null) return true;
    const known = this.core.store.now.view?.turns.find((one) => one.turn === turn);
    return known !== undefined && !isOpen(known);
  }
}
