/** A person's visit: which case is at hand, and everything that they can do with it. */

import { TriageError, type LinkMade } from "../client/src/index.ts";
import { chooseLanguage, type Language } from "../common/language.ts";
import { randomName } from "../common/random.ts";
import { forgetAll, keep, recall } from "../common/storage.ts";
import { Store } from "../common/store.ts";
import { Conversation } from "./conversation.ts";
import { Core, type Kept } from "./core.ts";
import { Filling } from "./filling.ts";
import { numbersIn } from "./offers.ts";
import { opened, openingKey } from "./opening.ts";
import { Outcome } from "./outcome.ts";
import { beTold, forgetTelling } from "./push.ts";
import type { Asked, Part, Rated } from "./state.ts";
import { Watching } from "./watching.ts";

interface KeptRating extends Rated {
  id: string;
}

/** What tabs of one browser tell each other. */
type Word = { kind: "turn"; id: string; turn: number } | { kind: "left"; id: string };

export class Session {
  readonly core = new Core();
  readonly filling = new Filling((id) => void this.core.client.beginForm(id).catch(() => undefined));
  private readonly tabs = new BroadcastChannel("triage");
  private readonly outcome = new Outcome(this.core);
  private readonly conversation = new Conversation(this.core, this.outcome, {
    began: (turn) => this.tabs.postMessage({ kind: "turn", id: this.core.caseId, turn } satisfies Word),
    refused: (text) => this.write(this.draft.now.text || text),
  });
  private readonly watching = new Watching(this.core, this.conversation, this.outcome);
  private readonly playbook = new URLSearchParams(location.search).get("playbook");
  /** What the person is about to say, and which offered lines it names. */
  readonly draft = new Store<{ text: string }>({ text: recall<string>("draft") ?? "" });
  private link: string | null = null;
  private formKey = randomName();

  constructor() {
    this.tabs.addEventListener("message", ({ data }) => void this.hearTab(data as Word));
    addEventListener("offline", () => this.core.store.set({ network: "offline" }));
    addEventListener("online", () => this.core.store.set({ network: "fine" }));
    addEventListener("hashchange", () => void this.takeLink());
    if (!navigator.onLine) this.core.store.set({ network: "offline" });
    chooseLanguage(this.core.store.now.language);
  }

  get store() {
    return this.core.store;
  }

  get answering() {
    return this.core.answering;
  }

  /* Coming and going. */

  /** Open what this device holds, what a link opens, or a new case. */
  async open(): Promise<void> {
    this.link = linkCode();
    const kept = recall<Kept>("case");
    const fits = kept !== null && kept.asked === this.playbook;
    if (fits) await this.enter(kept.id);
    if (this.link) return this.takeLink();
    if (!fits) await this.start();
  }

  /** Begin a new case. */
  async start(): Promise<void> {
    const { core } = this;
    core.turnTo("");
    const { signal } = core;
    const { language } = this.store.now;
    try {
      const begun = await core.client.startTriage({
        locale: language,
        userRef: person(),
        ...(this.playbook ? { playbook: this.playbook } : {}),
        idempotencyKey: openingKey(this.playbook, language),
        signal,
      });
      if (signal.aborted) return;
      opened();
      keep("case", { id: begun.case_id, asked: this.playbook } satisfies Kept);
      await this.enter(begun.case_id);
    } catch (error) {
      if (signal.aborted) return;
      const reason = error instanceof TriageError ? error.detail || error.message : String(error);
      this.store.set({ phase: "failed", reason });
    }
  }

  /** Show a case whose token is on this device. */
  private async enter(id: string): Promise<void> {
    const { core } = this;
    core.turnTo(id);
    this.outcome.reset();
    const { signal } = core;
    await core.attempt(async () => {
      const view = await core.client.getCase(id, { signal });
      const form = view.variant === "v1" ? await core.client.getForm(id, { signal }) : null;
      if (signal.aborted) return;
      const filling = form?.status === "open";
      if (form) this.filling.begin(id, form.form);
      const rated = recall<KeptRating>("rating");
      this.store.set({
        phase: "open",
        view,
        form,
        part: filling ? "form" : "talk",
        rated: rated?.id === id ? rated : null,
      });
      this.watching.begin();
      void this.goOn();
    });
  }

  /** Go on with what an earlier visit began, and show what came of the case. */
  private async goOn(): Promise<void> {
    const { core } = this;
    const { signal } = core;
    const { view } = this.store.now;
    if (view?.status === "completed") await this.outcome.load();
    for (const pending of await core.client.pendingTurns(core.caseId)) {
      if (signal.aborted) return;
      await this.conversation.deliver(pending);
    }
    await this.conversation.attend();
  }

  /** Leave the case at hand and begin another. */
  async restart(): Promise<void> {
    const id = this.core.caseId;
    this.forgetCase(id);
    this.tabs.postMessage({ kind: "left", id } satisfies Word);
    await this.start();
  }

  /** Erase the case, at the server and here, and who this device is. */
  async erase(): Promise<void> {
    const { core } = this;
    const id = core.caseId;
    this.ask(null);
    try {
      if (id) await core.client.deleteCase(id);
    } catch (error) {
      if (!(error instanceof TriageError) || error.status !== 404) return core.tell(error);
    }
    const { language } = this.store.now;
    this.write("");
    this.filling.forget();
    forgetAll();
    chooseLanguage(language);
    core.turnTo("");
    this.store.set({ phase: "erased" });
    core.announce(core.texts.erasedTitle);
    this.tabs.postMessage({ kind: "left", id } satisfies Word);
    await forgetTelling();
  }

  private forgetCase(id: string): void {
    for (const name of ["case", "papers", "rating"]) keep(name, null);
    this.write("");
    void this.core.client.forgetCase(id);
    this.filling.forget();
    this.core.turnTo("");
  }

  private async hearTab(word: Word): Promise<void> {
    if (word.id !== this.core.caseId || word.id === "") return;
    if (word.kind === "turn") return this.conversation.refresh();
    this.core.turnTo("");
    this.store.set({ phase: "gone" });
  }

  /* Another device. */

  makeLink(): Promise<LinkMade> {
    return this.core.client.makeLink(this.core.caseId);
  }

  /** A link was opened: follow it, or ask first where that would push a conversation off. */
  private async takeLink(): Promise<void> {
    this.link = linkCode() ?? this.link;
    if (!this.link) return;
    const { view, phase } = this.store.now;
    const begun = phase === "open" && ((view?.turns.length ?? 0) > 0 || !this.filling.isEmpty);
    if (begun) this.ask("link");
    else await this.followLink();
  }

  async followLink(): Promise<void> {
    const code = this.link;
    this.link = null;
    this.ask(null);
    if (!code) return;
    const { core } = this;
    const before = core.caseId;
    try {
      const opened = await core.client.openLink(code);
      if (before) this.forgetCase(before);
      keep("case", { id: opened.case_id, asked: this.playbook } satisfies Kept);
      await this.enter(opened.case_id);
    } catch (error) {
      if (!(error instanceof TriageError)) throw error;
      if (!before) await this.start();
      core.notice(error.status === 404 ? core.texts.linkUsed : `${core.texts.wrong} ${error.detail}`, true);
    }
  }

  /* The conversation. */

  say(text: string): Promise<void> {
    return this.conversation.say(text);
  }

  stop(): Promise<void> {
    return this.conversation.stop();
  }

  /** Put words into the box; they outlive a reload. */
  write(text: string): void {
    this.draft.set({ text });
    keep("draft", text || null);
  }

  /** Name one of the offered lines in the message, or take its number out again. */
  pick(number: number): void {
    const named = numbersIn(this.draft.now.text);
    const left = named.filter((one) => one !== number);
    const next = left.length < named.length ? left : [...named, number].sort((a, b) => a - b);
    this.write(next.join(", "));
  }

  async finish(): Promise<void> {
    this.ask(null);
    this.outcome.isAsked = true;
    await this.change((id) => this.core.client.forceComplete(id, { reason: "asked by the person", ...once() }));
  }

  async callHuman(why: string): Promise<void> {
    this.ask(null);
    this.show("talk", true);
    await this.change((id) => this.core.client.askForHuman(id, { reason: why, ...once() }));
  }

  /** Set a fact right; an empty value removes it. Returns whether that was taken. */
  async correct(slot: string, value: string): Promise<boolean> {
    const had = this.store.now.result !== null;
    if (had) this.store.set({ remaking: true });
    const done = await this.change((id) => this.core.client.correctFact(id, slot, value, once()));
    if (!done) this.store.set({ remaking: false });
    if (done) this.core.announce(this.core.texts.saved);
    if (this.store.now.asked === "known") await this.learnKnown();
    return done;
  }

  /** Do what is a turn without a message, then show where the case stands. */
  private async change(act: (id: string) => Promise<unknown>): Promise<boolean> {
    const { core } = this;
    core.notice("");
    if (!(await core.attempt(() => act(core.caseId)))) return false;
    await this.conversation.refresh();
    if (core.store.now.view?.status === "completed" && !core.store.now.work) await this.outcome.load();
    return true;
  }

  async learnKnown(): Promise<void> {
    const { core } = this;
    const { signal } = core;
    await core.attempt(async () => {
      const { facts } = await core.client.getStatus(core.caseId, { signal });
      if (!signal.aborted) this.store.set({ known: facts });
    });
  }

  /* The form. */

  async submitForm(): Promise<void> {
    const { core, filling } = this;
    const { texts } = core;
    if (filling.store.now.sending) return;
    if (!filling.check({ required: texts.errorRequired, long: texts.errorLong })) return;
    filling.store.set({ sending: true });
    core.notice("");
    try {
      const { signal } = core;
      const options = { idempotencyKey: this.formKey, signal };
      await core.client.submitForm(core.caseId, filling.sent(), options);
      this.formKey = randomName();
      if (signal.aborted) return;
      await this.formTaken();
    } catch (error) {
      this.formKey = randomName();
      if (!(error instanceof TriageError)) core.tell(error);
      else if (error.errors) filling.refused(error.errors);
      else if (error.kind === "form-submitted") await this.formTaken();
      else core.tell(error);
    } finally {
      filling.store.set({ sending: false });
    }
  }

  /** The form is there, from here or from another device: show what came of it. */
  private async formTaken(): Promise<void> {
    this.filling.forget();
    this.core.show("talk", true);
    await this.conversation.refresh();
    const { view, work } = this.store.now;
    if (view?.status === "completed" && !work) await this.outcome.load();
  }

  /* The result, and what is left of the visit. */

  /** Whether the rating was taken. */
  async rate(score: number, comment: string): Promise<boolean> {
    const { core } = this;
    const done = await core.attempt(() => core.client.rate(core.caseId, score, { comment }));
    if (!done) return false;
    keep("rating", { id: core.caseId, score, comment } satisfies KeptRating);
    this.store.set({ rated: { score, comment } });
    core.announce(core.texts.rated);
    return true;
  }

  async beTold(): Promise<void> {
    this.store.set({ telling: "asking" });
    const { client, caseId } = this.core;
    this.store.set({ telling: await beTold(client, caseId, this.store.now.language) });
  }

  /** Give the person a file with everything that is held about the case. */
  async download(): Promise<void> {
    const { core } = this;
    this.ask(null);
    const done = await core.attempt(async () => {
      const all = await core.client.exportCase(core.caseId);
      const file = new Blob([JSON.stringify(all, null, 2)], { type: "application/json" });
      const link = document.createElement("a");
      link.href = URL.createObjectURL(file);
      link.download = `${core.texts.fileName}-${new Date().toISOString().slice(0, 10)}.json`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    });
    if (done) core.notice(core.texts.downloaded);
  }

  /* The page itself. */

  async speak(language: Language): Promise<void> {
    const { view, form, sending } = this.store.now;
    if (language === this.store.now.language) return;
    chooseLanguage(language);
    this.store.set({ language });
    // Before the first word, the interview itself begins anew in the other language.
    const untouched = view?.turns.length === 0 && sending === null && view.locale !== language;
    if (untouched && (!form || form.status === "open")) await this.begunAnew();
  }

  /** Begin the same again, with what was filled in or drafted so far. */
  private async begunAnew(): Promise<void> {
    const { answers } = this.filling.store.now;
    await this.start();
    if (Object.keys(answers).length > 0) this.filling.adopt(answers);
  }

  ask(asked: Asked | null): void {
    this.store.set({ asked });
  }

  show(part: Part, focus = false): void {
    this.core.notice("");
    this.core.show(part, focus);
    scrollTo({ top: part === "talk" ? document.documentElement.scrollHeight : 0, behavior: "instant" });
  }

  takeFocus(part: Part): boolean {
    return this.core.takeFocus(part);
  }

  announce(text: string): void {
    this.core.announce(text);
  }
}

/** A key of its own for something that must be done once. */
function once(): { idempotencyKey: string } {
  return { idempotencyKey: randomName() };
}

/** A random reference of the person, so that they meet the same variant again on this device. */
function person(): string {
  const known = recall<string>("person");
  if (known) return known;
  const made = randomName();
  keep("person", made);
  return made;
}

/** Take the code of a link out of the address, so that it is neither kept nor shared on. */
function linkCode(): string | null {
  const code = new URLSearchParams(location.hash.slice(1)).get("link");
  if (code !== null) history.replaceState(null, "", location.pathname + location.search);
  return code;
}
