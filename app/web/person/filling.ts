/** A form as it is being filled in: what was answered, what is wrong, and what outlives a reload. */

import type { Form, FormField, FormMistake } from "../client/src/index.ts";
import { keep, recall } from "../common/storage.ts";
import { Store } from "../common/store.ts";

export type Answers = Readonly<Record<string, string | string[]>>;

export interface FillingState {
  answers: Answers;
  /** By field, fit to show. */
  mistakes: Readonly<Record<string, string>>;
  sending: boolean;
}

interface Kept {
  id: string;
  answers: Answers;
}

const SHELF_NAME = "form";

/** What the mistakes are called that the page finds without the server. */
export interface MistakeTexts {
  required: string;
  long: (most: number) => string;
}

export class Filling {
  readonly store = new Store<FillingState>({ answers: {}, mistakes: {}, sending: false });
  private id = "";
  private form: Form = { sections: [] };
  private wantsFocus = false;
  private begun = false;

  /** `onBegin` hears once for each case that somebody has begun to fill its form in. */
  constructor(private readonly onBegin: (caseId: string) => void) {}

  /** Begin with what was kept of the same case; of another one only the answers that still fit. */
  begin(id: string, form: Form): void {
    this.id = id;
    this.form = form;
    this.begun = false;
    const known = this.fields();
    const answers: Record<string, string | string[]> = {};
    for (const shelf of ["device", "visit"] as const) {
      const kept = recall<Kept>(SHELF_NAME, shelf);
      if (kept?.id !== id) continue;
      for (const field of known) {
        const answer = kept.answers[field.name];
        if (answer !== undefined) answers[field.name] = answer;
      }
    }
    this.store.set({ answers, mistakes: {}, sending: false });
  }

  /** Take over answers that were given to the same form in another language. */
  adopt(answers: Answers): void {
    const names = new Set(this.fields().map(({ name }) => name));
    const fitting = Object.entries(answers).filter(([name]) => names.has(name));
    this.store.set({ answers: Object.fromEntries(fitting) });
    this.keep();
    if (fitting.length > 0) this.touched();
  }

  get isEmpty(): boolean {
    return Object.keys(this.store.now.answers).length === 0;
  }

  write(field: FormField, text: string): void {
    this.answer(field, text);
  }

  choose(field: FormField, value: string, on: boolean): void {
    if (field.type !== "choices") return this.answer(field, value);
    const alone = new Set((field.options ?? []).filter((one) => one.alone).map((one) => one.value));
    const others = chosen(this.store.now.answers[field.name]).filter((one) => one !== value);
    const compatible = alone.has(value) ? [] : others.filter((one) => !alone.has(one));
    const next = on ? [...compatible, value] : others;
    const order = (field.options ?? []).map((one) => one.value);
    this.answer(field, next.sort((a, b) => order.indexOf(a) - order.indexOf(b)));
  }

  /** What is sent: answers to what is shown, and nothing that is empty. */
  sent(): Record<string, string | string[]> {
    const { answers } = this.store.now;
    const said: Record<string, string | string[]> = {};
    for (const field of this.fields()) {
      const answer = answers[field.name];
      if (answer === undefined || !isShown(field, answers)) continue;
      const trimmed = typeof answer === "string" ? answer.trim() : answer;
      if (trimmed.length > 0) said[field.name] = trimmed;
    }
    return said;
  }

  /** Look for what can be seen without the server; whether all is well. */
  check(texts: MistakeTexts): boolean {
    const said = this.sent();
    const mistakes: Record<string, string> = {};
    for (const field of this.fields()) {
      if (!isShown(field, this.store.now.answers)) continue;
      const answer = said[field.name];
      if (field.required && answer === undefined) mistakes[field.name] = texts.required;
      const most = field.max_length;
      if (most !== null && typeof answer === "string" && [...answer].length > most) {
        mistakes[field.name] = texts.long(most);
      }
    }
    return this.refuse(mistakes);
  }

  /** Take over what the server found wrong. */
  refused(errors: readonly FormMistake[]): void {
    this.refuse(Object.fromEntries(errors.map(({ field, detail }) => [field, detail])));
  }

  /** Whether the summary of mistakes wants the focus; asked once. */
  takeFocus(): boolean {
    const wanted = this.wantsFocus;
    this.wantsFocus = false;
    return wanted;
  }

  /** Forget what was kept: it has been sent, or erased. */
  forget(): void {
    keep(SHELF_NAME, null);
    keep(SHELF_NAME, null, "visit");
    this.store.set({ answers: {}, mistakes: {}, sending: false });
  }

  private refuse(mistakes: Record<string, string>): boolean {
    const well = Object.keys(mistakes).length === 0;
    this.wantsFocus = !well;
    this.store.set({ mistakes });
    return well;
  }

  private answer(field: FormField, value: string | string[]): void {
    const { answers, mistakes } = this.store.now;
    const rest = { ...answers };
    if (value.length > 0) rest[field.name] = value;
    else delete rest[field.name];
    const left = { ...mistakes };
    delete left[field.name];
    this.store.set({ answers: rest, mistakes: left });
    this.keep();
    this.touched();
  }

  private touched(): void {
    if (this.begun) return;
    this.begun = true;
    this.onBegin(this.id);
  }

  /** Personal data stays for this visit only; everything else outlives it. */
  private keep(): void {
    const { answers } = this.store.now;
    const sensitive = new Set(this.fields().filter((one) => one.sensitive).map((one) => one.name));
    for (const shelf of ["device", "visit"] as const) {
      const mine = Object.entries(answers).filter(
        ([name]) => sensitive.has(name) === (shelf === "visit"),
      );
      const kept: Kept = { id: this.id, answers: Object.fromEntries(mine) };
      keep(SHELF_NAME, mine.length > 0 ? kept : null, shelf);
    }
  }

  private fields(): FormField[] {
    return this.form.sections.flatMap(({ fields }) => fields);
  }
}

/** An answer as a list of what was chosen. */
export function chosen(answer: string | string[] | undefined): string[] {
  if (answer === undefined) return [];
  return typeof answer === "string" ? [answer] : answer;
}

/** Whether a field is asked, given what was answered before. */
export function isShown(field: FormField, answers: Answers): boolean {
  const condition = field.show_when;
  if (!condition) return true;
  return chosen(answers[condition.field]).some((one) => condition.any_of.includes(one));
}
