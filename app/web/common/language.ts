/** Which language a page speaks, and how it writes dates, numbers and spans of time in it. */

import { keep, recall } from "./storage.ts";

export type Language = "pt-BR" | "en";

/** The page's language nearest to a browser's language tag. */
export function languageOf(tag: string | null | undefined): Language {
  return tag?.toLowerCase().startsWith("pt") ? "pt-BR" : "en";
}

/** The language to begin with: the one chosen here before, or else the browser's. */
export function preferredLanguage(): Language {
  return languageOf(recall<string>("language") ?? navigator.language);
}

/** Remember a choice, and tell the document. */
export function chooseLanguage(language: Language): void {
  keep("language", language);
  document.documentElement.lang = language;
}

/** A day as people write it. */
export function writtenDay(day: Date, language: Language): string {
  return day.toLocaleDateString(language, { dateStyle: "long" });
}

/** A moment as people write it. */
export function writtenMoment(ms: number, language: Language): string {
  return new Date(ms).toLocaleString(language, { dateStyle: "long", timeStyle: "short" });
}

/** What a slot holds, as people write it: an ISO day becomes a date, anything else stays. */
export function readable(value: string, language: Language): string {
  const day = /^\d{4}-\d\d-\d\d$/.test(value) ? new Date(`${value}T12:00`) : null;
  return day && !Number.isNaN(day.getTime()) ? writtenDay(day, language) : value;
}

/** A span of time in the unit that people would use for it. */
export function writtenSpan(ms: number, language: Language): string {
  const seconds = Math.max(1, Math.round(ms / 1000));
  const [amount, unit] =
    seconds < 90 ? [seconds, "second"] : seconds < 5400 ? [Math.round(seconds / 60), "minute"] : [Math.round(seconds / 3600), "hour"];
  return amount.toLocaleString(language, { style: "unit", unit, unitDisplay: "long" });
}
