/** Small parts that every view is made of. */

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

import { TriageError } from "../client/src/errors.ts";
import type { PlaybookView } from "../client/src/schema.ts";
import { type Language, writtenSpan } from "../common/language.ts";
import { Icon } from "../common/icons.tsx";
import { useStore } from "../common/store.ts";
import { session } from "./session.ts";
import { useTexts } from "./texts.ts";

export type Level = "low" | "medium" | "high" | "critical";
export const URGENCIES: Level[] = ["low", "medium", "high", "critical"];

/** How urgent: a word in its colour, with a mark whose shape tells as well. */
export function Urgency({ level }: { level: Level | null }) {
  const t = useTexts();
  if (level === null) return <span class="faint">–</span>;
  return <span class={`urgency ${level}`}>{t.urgency[level]}</span>;
}

export function Tag({ kind, children }: { kind?: string; children: ComponentChildren }) {
  return <span class={kind ? `tag ${kind}` : "tag"}>{children}</span>;
}

/** A moment: short where there is little room, whole when asked. */
export function Moment({ ms, seconds = false }: { ms: number; seconds?: boolean }) {
  const { language } = useStore(session);
  const date = new Date(ms);
  const today = new Date().toDateString() === date.toDateString();
  const options: Intl.DateTimeFormatOptions = today
    ? { hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...(seconds ? { second: "2-digit" } : {}) }
    : { day: "2-digit", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  return (
    <time dateTime={date.toISOString()} title={date.toLocaleString(language, { dateStyle: "full", timeStyle: "medium", hourCycle: "h23" })}>
      {date.toLocaleString(language, options)}
    </time>
  );
}

export function Loading() {
  const t = useTexts();
  return (
    <p class="loading" role="status">
      <span class="spinner" aria-hidden="true" />
      {t.loading}
    </p>
  );
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}

/** Why something is not there, in words that are fit to show. */
export function useReason(): (error: Error) => string {
  const t = useTexts();
  return (error) => {
    if (!(error instanceof TriageError)) return t.unreachable;
    if (error.status === 403) return t.forbidden;
    return error.detail || t.failed;
  };
}

export function Failure({ error, onRetry }: { error: Error; onRetry?: () => void }) {
  const t = useTexts();
  const reason = useReason();
  return (
    <div class="failure" role="alert">
      <Icon name="alert" />
      <p>{reason(error)}</p>
      {onRetry && (
        <button type="button" class="quiet" onClick={onRetry}>
          {t.again}
        </button>
      )}
    </div>
  );
}

/** A short-lived word on what became of an action; polite to screen readers. */
export function useSaid(): { said: string; wrong: boolean; say: (text: string, wrong?: boolean) => void } {
  const [now, set] = useState({ said: "", wrong: false });
  return { ...now, say: (said, wrong = false) => set({ said, wrong }) };
}

export function Said({ said, wrong }: { said: string; wrong: boolean }) {
  return (
    <p class={wrong ? "said wrong" : "said"} role={wrong ? "alert" : "status"}>
      {said}
    </p>
  );
}

/** Dollars from nano-dollars: as many decimals as it takes to say something. */
export function usd(nano: number, language: Language): string {
  const dollars = nano / 1e9;
  const small = dollars !== 0 && Math.abs(dollars) < 0.1;
  return dollars.toLocaleString(language, {
    style: "currency",
    currency: "USD",
    minimumFractionDigits: 2,
    maximumFractionDigits: small ? 6 : 2,
  });
}

/** A span of time, or the milliseconds of one that is short. */
export function span(ms: number, language: Language): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 86_400_000 * 2) return writtenSpan(ms, language);
  return Math.round(ms / 86_400_000).toLocaleString(language, { style: "unit", unit: "day", unitDisplay: "long" });
}

export function count(n: number, language: Language): string {
  return n.toLocaleString(language);
}

/** The name of something that a playbook names in several locales. */
export function named(names: Record<string, string>, language: Language): string {
  const own = Object.keys(names).find((one) => one.split("-")[0] === language.split("-")[0]);
  return names[own ?? ""] ?? Object.values(names)[0] ?? "";
}

/** What a playbook calls its codes, red flags and slots. */
export class Names {
  private readonly codes = new Map<string, string>();
  private readonly flags = new Map<string, string>();

  constructor(readonly playbooks: PlaybookView[], readonly language: Language) {
    for (const playbook of playbooks) {
      for (const area of playbook.areas) {
        this.codes.set(area.code, named(area.label, language));
        for (const sub of area.subareas) this.codes.set(sub.code, named(sub.label, language));
      }
      for (const flag of playbook.red_flags) this.flags.set(flag.code, named(flag.label, language));
    }
  }

  code(code: string): string {
    return this.codes.get(code) ?? code;
  }

  flag(code: string): string {
    return this.flags.get(code) ?? code;
  }
}

/** A list of labelled values. */
export function Pairs({ children }: { children: ComponentChildren }) {
  return <dl class="pairs">{children}</dl>;
}

export function Pair({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}

export function Lines({ of }: { of: readonly string[] }) {
  return (
    <ul class="lines">
      {of.map((one) => (
        <li key={one}>{one}</li>
      ))}
    </ul>
  );
}
