/** Numbers that a text says to call, so that a telephone can call them with one touch. */

const CALL = /\b(?:ligue|ligar|disque|discar|call|dial|ring)\s+(?:\S+\s+){0,2}?(1\d{2}|0[38]00[ -]?\d{3}[ -]?\d{3,4})\b/giu;
const MOST = 3;

/** The numbers, each once, in the order in which they are named. */
export function phonesIn(text: string): string[] {
  const named = [...text.matchAll(CALL)].flatMap(([, number]) => (number ? [number] : []));
  return [...new Set(named)].slice(0, MOST);
}

/** What a telephone dials. */
export function dialled(number: string): string {
  return `tel:${number.replace(/\D/g, "")}`;
}
