/** What outlives a reload, by way of the client's store: tokens, variants, messages on their way. */

import type { PendingTurn, TriageStore } from "./types.js";

/** Reads and writes what belongs to cases. */
export class Shelf {
  /** Serialises the changes of a list, which is read, changed and written. */
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly store: TriageStore) {}

  async token(caseId: string): Promise<string | null> {
    return this.store.getItem(name(caseId, "token"));
  }

  async variant(caseId: string): Promise<string | undefined> {
    return (await this.store.getItem(name(caseId, "variant"))) ?? undefined;
  }

  async opened(caseId: string, token: string, variant?: string): Promise<void> {
    await this.store.setItem(name(caseId, "token"), token);
    if (variant) await this.store.setItem(name(caseId, "variant"), variant);
  }

  async pending(caseId: string): Promise<PendingTurn[]> {
    const text = await this.store.getItem(name(caseId, "pending"));
    try {
      const found: unknown = JSON.parse(text ?? "[]");
      return Array.isArray(found) ? (found as PendingTurn[]) : [];
    } catch {
      return [];
    }
  }

  /** Keep a message until it is settled; with the same key, what is kept is replaced. */
  keep(caseId: string, turn: PendingTurn): Promise<void> {
    return this.change(caseId, (known) => {
      const others = known.filter((one) => one.key !== turn.key);
      return [...others, turn].sort((one, other) => one.at - other.at);
    });
  }

  /** Forget a message that is answered, or refused. */
  settle(caseId: string, key: string): Promise<void> {
    return this.change(caseId, (known) => known.filter((one) => one.key !== key));
  }

  /** Forget everything about a case. */
  async forget(caseId: string): Promise<void> {
    await this.last;
    for (const what of ["token", "variant", "pending"]) {
      await this.store.removeItem(name(caseId, what));
    }
  }

  private change(
    caseId: string,
    change: (known: PendingTurn[]) => PendingTurn[],
  ): Promise<void> {
    const next = this.last.then(async () => {
      const turns = change(await this.pending(caseId));
      const key = name(caseId, "pending");
      if (turns.length) await this.store.setItem(key, JSON.stringify(turns));
      else await this.store.removeItem(key);
    });
    this.last = next.catch(() => undefined);
    return next;
  }
}

function name(caseId: string, what: string): string {
  return `triage:${caseId}:${what}`;
}
