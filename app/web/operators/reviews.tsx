/** The ground truth: what would have been right, case after case, with the hands on the keyboard. */

import { useEffect, useMemo, useRef, useState } from "preact/hooks";

import type { CaseRow, OperatorCase, OpinionsView, ReviewQueue } from "../client/src/schema.ts";
import { Dialog } from "../common/dialog.tsx";
import { useStore } from "../common/store.ts";
import { read, send } from "./api.ts";
import { Empty, Failure, type Level, Loading, Moment, Said, URGENCIES, Urgency, useReason, useSaid } from "./bits.tsx";
import { Kind, More } from "./cases.tsx";
import { CodeSearch } from "./codes.tsx";
import { Talk } from "./conversation.tsx";
import { useKnown } from "./known.ts";
import { useLoaded } from "./loading.ts";
import { Outcome, Review } from "./outcome.tsx";
import { usePaged } from "./paged.ts";
import { type Route, link } from "./route.ts";
import { session, chooseKeys } from "./session.ts";
import { useTexts } from "./texts.ts";

const TABS = ["first", "second", "settling"] as const;
type Tab = (typeof TABS)[number];
const COUNTS_MS = 10_000;

export function ReviewsView({ route }: { route: Route }) {
  const t = useTexts();
  const { name, keys } = useStore(session);
  const tab = TABS.find((one) => one === route.id) ?? "first";
  const [round, again] = useState(0);
  const [at, setAt] = useState(0);
  const [done, setDone] = useState<ReadonlySet<string>>(new Set());
  const [help, showHelp] = useState(false);
  const { said, wrong, say } = useSaid();
  const counts = useLoaded(
    (signal) => read<ReviewQueue>("/operator/reviews", { needs: tab, limit: 1 }, signal),
    `counts ${tab} ${round}`,
    COUNTS_MS,
  );
  const queue = usePaged<CaseRow>(
    async (cursor, signal) => {
      const page = await read<ReviewQueue>("/operator/reviews", { needs: tab, reviewer: name, limit: 50, cursor }, signal);
      return { rows: page.cases, cursor: page.cursor };
    },
    (row) => row.case_id,
    `${tab} ${name}`,
    COUNTS_MS,
  );
  const rows = queue.rows.filter((row) => !done.has(row.case_id));
  const current = rows[Math.min(at, rows.length - 1)] ?? null;
  useEffect(() => {
    setAt(0);
    setDone(new Set());
    say("");
  }, [tab]);
  useEffect(() => {
    if (queue.more && !queue.going && rows.length - at < 5) queue.next();
  }, [queue.more, queue.going, rows.length, at]);
  const move = (by: number) => setAt((now) => Math.max(0, Math.min(rows.length - 1, now + by)));

  useKey((key) => {
    if (key === "?") showHelp(true);
    else if (key === "j") move(1);
    else if (key === "k") move(-1);
    else return false;
    return true;
  }, keys);

  function finished(id: string, text: string) {
    // The next one takes its place in the row.
    setDone((before) => new Set(before).add(id));
    say(text);
    again((n) => n + 1);
  }

  const waiting = counts.value?.waiting;
  return (
    <section class="view reviews">
      <div class="view-head">
        <h1>{t.reviews.title}</h1>
        <div class="tools">
          <label class="switch">
            <input type="checkbox" checked={keys} onChange={(event) => chooseKeys(event.currentTarget.checked)} />
            <span>{t.reviews.keysToggle}</span>
          </label>
          <button type="button" class="second slim" aria-keyshortcuts="?" onClick={() => showHelp(true)}>
            {t.reviews.help} <kbd>?</kbd>
          </button>
        </div>
      </div>
      <nav class="tabs" aria-label={t.reviews.title}>
        {TABS.map((one) => (
          <a key={one} href={link("reviews", one)} aria-current={tab === one ? "page" : undefined}>
            {t.reviews.tabs[one]}
            {waiting && <b class={one === "settling" && waiting[one] ? "badge" : "badge calm"}>{waiting[one]}</b>}
          </a>
        ))}
      </nav>
      <Said said={said} wrong={wrong} />
      {queue.error && <Failure error={queue.error} onRetry={queue.reload} />}
      {queue.loading ? (
        <Loading />
      ) : !current ? (
        queue.more ? (
          <More going={queue.going} short next={queue.next} />
        ) : (
          !queue.error && <Empty>{t.reviews.empty[tab]}</Empty>
        )
      ) : (
        <div class="review-columns">
          <ol class="queue" aria-label={t.reviews.tabs[tab]}>
            {rows.map((row, index) => (
              <li key={row.case_id}>
                <button
                  type="button"
                  aria-current={row.case_id === current.case_id ? "true" : undefined}
                  onClick={() => setAt(index)}
                >
                  <Kind row={row} />
                  <span class="faint">
                    <Moment ms={row.created_at} />
                  </span>
                </button>
              </li>
            ))}
          </ol>
          <Reviewing
            key={`${tab} ${current.case_id}`}
            row={current}
            tab={tab}
            place={t.reviews.position(rows.indexOf(current) + 1, rows.length)}
            move={move}
            finished={finished}
          />
        </div>
      )}
      {help && (
        <Dialog title={t.reviews.help} closing={t.close} onClose={() => showHelp(false)}>
          <dl class="shortcuts">
            {t.reviews.shortcuts.map(([key, does]) => (
              <div key={key}>
                <dt>
                  {key.split(" ").map((one) => (one === "+" ? " + " : <kbd key={one}>{one}</kbd>))}
                </dt>
                <dd>{does}</dd>
              </div>
            ))}
          </dl>
        </Dialog>
      )}
    </section>
  );
}

interface ReviewingProps {
  row: CaseRow;
  tab: Tab;
  place: string;
  move: (by: number) => void;
  finished: (id: string, text: string) => void;
}

function Reviewing({ row, tab, place, move, finished }: ReviewingProps) {
  const t = useTexts();
  const r = t.reviews;
  const { names, playbooks } = useKnown();
  const { name, keys } = useStore(session);
  const reason = useReason();
  const id = row.case_id;
  const opened = useLoaded((signal) => read<OperatorCase>(`/operator/cases/${id}`, {}, signal), id);
  const differing = useLoaded(
    (signal) =>
      tab === "settling" ? read<OpinionsView>(`/operator/cases/${id}/reviews`, {}, signal) : Promise.resolve(null),
    `${id} ${tab}`,
  );
  // Undefined: nothing chosen yet; null: out of scope.
  const [code, setCode] = useState<string | null | undefined>(undefined);
  const [urgency, setUrgency] = useState<Level | null>(null);
  const [note, setNote] = useState("");
  const [busy, setBusy] = useState(false);
  const { said, wrong, say } = useSaid();
  const search = useRef<HTMLInputElement>(null);
  const noteBox = useRef<HTMLTextAreaElement>(null);
  const playbook = useMemo(() => playbooks.find((one) => one.id === row.playbook), [playbooks, row.playbook]);

  async function save(chosen: string | null | undefined, level: Level | null) {
    if (busy) return;
    if (chosen === undefined) {
      say(r.choose, true);
      return;
    }
    setBusy(true);
    try {
      const body = { reviewer: name, code: chosen, urgency: level, note: note.trim(), settles: tab === "settling" };
      const now = await send<OpinionsView>("POST", `/operator/cases/${id}/reviews`, body);
      const told = { none: r.saved, one: r.saved, agreed: r.savedAgrees, disputed: r.savedDiffers, settled: r.settled };
      finished(id, told[now.state]);
    } catch (error) {
      say(reason(error as Error), true);
      setBusy(false);
    }
  }
  const confirm = () => save(row.code, row.urgency);

  useKey((key) => {
    const level = URGENCIES[Number(key) - 1];
    if (key === "c") void confirm();
    else if (key === "s") void save(code, urgency);
    else if (key === "o") setCode(null);
    else if (key === "/") search.current?.focus();
    else if (key === "n") noteBox.current?.focus();
    else if (level) setUrgency(level);
    else return false;
    return true;
  }, keys);

  return (
    <>
      <div class="review-case">
        {opened.value ? (
          <>
            <Talk opened={opened.value} fromTop />
            <Outcome opened={opened.value} opinions={false} />
          </>
        ) : opened.error ? (
          <Failure error={opened.error} onRetry={opened.reload} />
        ) : (
          <Loading />
        )}
      </div>
      <form
        class="card review-form"
        onSubmit={(event) => {
          event.preventDefault();
          void save(code, urgency);
        }}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
            event.preventDefault();
            void save(code, urgency);
          }
        }}
      >
        <p class="place">
          <span>{place}</span>
          <button type="button" class="quiet" aria-keyshortcuts="k" onClick={() => move(-1)}>
            {r.previous}
          </button>
          <button type="button" class="quiet" aria-keyshortcuts="j" onClick={() => move(1)}>
            {r.next}
          </button>
        </p>
        <section class="ai-says">
          <h2>{r.ai}</h2>
          <p class="says-what">
            <strong>{row.code ? names.code(row.code) : r.outOfScope}</strong>
            <Urgency level={row.urgency} />
          </p>
          <button type="button" class="second" disabled={busy} aria-keyshortcuts="c" onClick={() => void confirm()}>
            {r.confirm} {keys && <kbd>c</kbd>}
          </button>
        </section>
        {differing.value && (
          <section class="differing" aria-label={r.tabs.settling}>
            {differing.value.reviews.map((one) => (
              <Review key={one.reviewer} review={one} />
            ))}
          </section>
        )}
        <h2>{r.yours}</h2>
        <CodeSearch
          input={search}
          areas={playbook?.areas ?? []}
          chosen={code}
          onChoose={setCode}
          shortcut={keys}
        />
        <button
          type="button"
          class="second choice"
          aria-pressed={code === null}
          aria-keyshortcuts="o"
          onClick={() => setCode(null)}
        >
          {r.outOfScope} {keys && <kbd>o</kbd>}
        </button>
        <fieldset class="urgencies">
          <legend>{r.urgency}</legend>
          {URGENCIES.map((level, index) => (
            <label key={level} class={`pick ${level}`}>
              <input
                type="radio"
                name="urgency"
                value={level}
                checked={urgency === level}
                onChange={() => setUrgency(level)}
              />
              <span>
                {t.urgency[level]} {keys && <kbd>{index + 1}</kbd>}
              </span>
            </label>
          ))}
        </fieldset>
        <label>
          <span>
            {r.note} {keys && <kbd>n</kbd>}
          </span>
          <textarea
            ref={noteBox}
            class="field"
            rows={2}
            maxLength={2_000}
            placeholder={r.noteHint}
            value={note}
            onInput={(event) => setNote(event.currentTarget.value)}
          />
        </label>
        <button type="submit" class="main" disabled={busy} aria-keyshortcuts="s">
          {tab === "settling" ? r.settle : r.save} {keys && <kbd>s</kbd>}
        </button>
        <Said said={said} wrong={wrong} />
      </form>
    </>
  );
}

/** Hear single keys, but not while somebody writes, nor beneath a dialog. Escape leaves a field. */
function useKey(does: (key: string) => boolean, on: boolean): void {
  const latest = useRef(does);
  latest.current = does;
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const target = event.target instanceof HTMLElement ? event.target : null;
      const writes = target?.matches("input:not([type=radio], [type=checkbox]), textarea, select") ?? false;
      if (event.key === "Escape" && writes) {
        target?.blur();
        return;
      }
      if (!on || writes || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
      if (latest.current(event.key)) event.preventDefault();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, [on]);
}
