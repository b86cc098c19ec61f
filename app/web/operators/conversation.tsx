/** One case: what was said, as it is said, and beside it everything that is known. */

import { useEffect, useRef, useState } from "preact/hooks";

import { TriageError } from "../client/src/errors.ts";
import type { CaseTurn, OperatorCase } from "../client/src/schema.ts";
import { Icon } from "../common/icons.tsx";
import { read, watch } from "./api.ts";
import { Empty, Failure, Loading, Moment, Tag, Urgency } from "./bits.tsx";
import { Desk } from "./desk.tsx";
import { useKnown } from "./known.ts";
import { type Loaded, useLoaded } from "./loading.ts";
import { Outcome } from "./outcome.tsx";
import { useTexts } from "./texts.ts";

const RUNNING_MS = 1_500;

/** A case that stays fresh: it is read anew whenever something happens in it. */
export function useCase(id: string): Loaded<OperatorCase> & { live: boolean } {
  const [running, setRunning] = useState(false);
  const loaded = useLoaded(
    (signal) => read<OperatorCase>(`/operator/cases/${id}`, {}, signal),
    id,
    running ? RUNNING_MS : null,
  );
  const [live, setLive] = useState(false);
  const gone = loaded.error instanceof TriageError && loaded.error.status === 404;
  const { reload } = loaded;
  useEffect(() => {
    if (gone) return;
    const aborter = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const heard = () => {
      // Events come in bursts: one look is enough for all of them.
      clearTimeout(timer);
      timer = setTimeout(reload, 60);
    };
    setLive(true);
    watch(id, heard, aborter.signal).then(
      () => !aborter.signal.aborted && setLive(false),
      () => !aborter.signal.aborted && setLive(false),
    );
    return () => {
      clearTimeout(timer);
      aborter.abort(new DOMException("left", "AbortError"));
    };
  }, [id, gone, reload]);
  const now = loaded.value?.status.running ?? null;
  useEffect(() => setRunning(now !== null), [now]);
  return { ...loaded, live };
}

export function Conversation({ id, back }: { id: string; back: string }) {
  const t = useTexts();
  const found = useCase(id);
  if (!found.value) {
    const missing = found.error instanceof TriageError && found.error.status === 404;
    return (
      <section class="view">
        <a class="back" href={back}>
          {t.caseView.back}
        </a>
        {missing ? (
          <Empty>{t.caseView.gone}</Empty>
        ) : found.error ? (
          <Failure error={found.error} onRetry={found.reload} />
        ) : (
          <Loading />
        )}
      </section>
    );
  }
  return (
    <section class="view case">
      <a class="back" href={back}>
        {t.caseView.back}
      </a>
      <CaseHead opened={found.value} live={found.live} />
      {found.error && <Failure error={found.error} onRetry={found.reload} />}
      <div class="case-columns">
        <div class="case-talk">
          <Talk opened={found.value} />
          <Desk opened={found.value} onDone={found.reload} />
        </div>
        <Outcome opened={found.value} />
      </div>
    </section>
  );
}

export function CaseHead({ opened, live }: { opened: OperatorCase; live: boolean }) {
  const t = useTexts();
  const { names } = useKnown();
  const [copied, setCopied] = useState(false);
  const { status, analysis } = opened;
  const code = analysis?.classification.code ?? null;
  const likely = status.candidates[0];
  const title = code
    ? names.code(code)
    : analysis
      ? t.cases.abstained
      : likely
        ? t.cases.probably(names.code(likely.code))
        : t.cases.unplaced;
  return (
    <header class="case-head">
      <h1>{title}</h1>
      <p class="case-line">
        {analysis && <Urgency level={analysis.urgency.level} />}
        <span class={`state ${status.running !== null ? "running" : status.status}`}>{t.status[status.status]}</span>
        {status.handoff && status.handoff.status !== "returned" && (
          <Tag kind="human">{t.handoffState[status.handoff.status]}</Tag>
        )}
        {status.red_flags.map((one) => (
          <Tag key={one} kind="flagged">
            {names.flag(one)}
          </Tag>
        ))}
        <button
          type="button"
          class="quiet mono copy"
          aria-label={copied ? t.caseView.copied : `${t.caseView.copy}: ${status.case_id.slice(0, 8)}`}
          onClick={() => {
            void navigator.clipboard.writeText(status.case_id).then(() => setCopied(true), () => undefined);
          }}
        >
          <Icon name="copy" />
          {copied ? t.caseView.copied : status.case_id.slice(0, 8)}
        </button>
        {live && <span class="live">{t.caseView.live}</span>}
      </p>
    </header>
  );
}

/** The conversation; it stays at its end while somebody reads there, unless it is to be read from the top. */
export function Talk({ opened, fromTop = false }: { opened: OperatorCase; fromTop?: boolean }) {
  const t = useTexts();
  const view = opened.case;
  const list = useRef<HTMLOListElement>(null);
  const atEnd = useRef(!fromTop);
  const last = view.turns.at(-1);
  const grown = `${view.turns.length} ${last?.outcome ?? ""} ${last?.reply.length ?? 0}`;
  useEffect(() => {
    if (atEnd.current && list.current) list.current.scrollTop = list.current.scrollHeight;
  }, [grown, view.case_id]);
  return (
    <ol
      class="talk"
      ref={list}
      tabIndex={0}
      aria-label={t.caseView.conversation}
      lang={view.locale}
      onScroll={(event) => {
        const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
        atEnd.current = scrollHeight - scrollTop - clientHeight < 40;
      }}
    >
      <li class="says interviewer">
        <p>{view.greeting}</p>
      </li>
      {view.turns.map((turn) => (
        <Turn key={turn.turn} turn={turn} />
      ))}
    </ol>
  );
}

function Turn({ turn }: { turn: CaseTurn }) {
  const t = useTexts();
  const c = t.caseView;
  if (turn.outcome === "failed" && turn.operator) return null; // it was refused: nothing happened
  const pending = turn.outcome === "running" || turn.outcome === "queued";
  return (
    <>
      <Said turn={turn} />
      {pending ? (
        <li class="aside">
          {turn.outcome === "running" ? c.writing : c.queued}
        </li>
      ) : (
        turn.reply && (
          <li class={turn.kind === "operator" ? "says human" : "says interviewer"}>
            {turn.kind === "operator" && <b>{turn.operator}</b>}
            <p>{turn.reply}</p>
            {turn.outcome !== "completed" && (
              <small>{turn.outcome === "cancelled" ? c.cancelled : c.failedTurn}</small>
            )}
          </li>
        )
      )}
    </>
  );
}

/** What the person, an operator or an analysis did. */
function Said({ turn }: { turn: CaseTurn }) {
  const t = useTexts();
  const c = t.caseView;
  const aside = (text: string, more = "") => (
    <li class="aside" id={`turn-${turn.turn}`}>
      {text}
      {more && <q>{more}</q>}
    </li>
  );
  switch (turn.kind) {
    case "operator":
      return null;
    case "take":
      return aside(c.took(turn.operator ?? ""));
    case "hand_back":
      return aside(c.left(turn.operator ?? ""));
    case "need_human":
      return aside(c.analysisAsked);
    case "ask_human":
      return aside(c.askedHuman, turn.message);
    case "conclude":
      return aside(c.concluded, turn.message);
    case "correct":
      return aside(c.corrected, turn.message);
    case "say":
      return (
        <li class="says person" id={`turn-${turn.turn}`}>
          <p>{turn.message}</p>
          <small>
            {turn.turn} · <Moment ms={turn.at} />
          </small>
        </li>
      );
    default:
      // What the form was filled with, and whatever is there tomorrow.
      return turn.message ? (
        <li class="says person" id={`turn-${turn.turn}`}>
          <b>{c.filled}</b>
          <p>{turn.message}</p>
          <small>
            {turn.turn} · <Moment ms={turn.at} />
          </small>
        </li>
      ) : (
        aside(c.begun)
      );
  }
}
