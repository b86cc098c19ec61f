/** Numbered lines of a question, so that they can be tapped instead of typed. */

export interface Offer {
  number: number;
  label: string;
}

const LINE = /^(\d{1,2})\. (\S.*)$/;
/** Fewer are told apart by reading. */
const FEWEST = 2;

/** What stands before, in and after the numbered lines; none where they do not count from 1. */
export function offersIn(text: string): { before: string; offers: Offer[]; after: string } {
  const lines = text.split("\n");
  const first = lines.findIndex((line) => LINE.exec(line)?.[1] === "1");
  const offers: Offer[] = [];
  while (first >= 0) {
    const found = LINE.exec(lines[first + offers.length] ?? "");
    if (!found?.[2] || Number(found[1]) !== offers.length + 1) break;
    offers.push({ number: offers.length + 1, label: found[2] });
  }
  if (offers.length < FEWEST) return { before: text, offers: [], after: "" };
  const join = (part: string[]) => part.join("\n").trim();
  return { before: join(lines.slice(0, first)), offers, after: join(lines.slice(first + offers.length)) };
}

/** A message that is nothing but numbers, as the numbers; anything else is none. */
export function numbersIn(message: string): number[] {
  return /^[\d\s,]*$/.test(message) ? (message.match(/\d+/g) ?? []).map(Number) : [];
}
