/** The conversation: who said what, and the answer that forms word by word. */

import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

import { Icon } from "../common/icons.tsx";
import type { Store } from "../common/store.ts";
import { useStore } from "../common/store.ts";
import type { CaseTurn } from "../client/src/index.ts";
import { numbersIn, offersIn } from "./offers.ts";
import { dialled, phonesIn } from "./phones.ts";
import type { Answering } from "./state.ts";
import { isOpen } from "./state.ts";
import type { Texts } from "./texts.ts";
import { Work } from "./work.tsx";
import { useSession } from "./context.ts";

/** Everything that was said, the newest last. */
export function Talk() {
  const { session, state, texts } = useSession();
  const view = state.view;
  if (!view) return null;
  const fresh = view.turns.length === 0 && !state.sending;
  return (
    <div class={fresh ? "talk fresh" : "talk"}>
      {view.notice && (
        <p class="notice">
          <Icon name="info" />
          <span>{view.notice}</span>
        </p>
      )}
      <ol class="said-list" aria-label={texts.conversation}>
        <li class="theirs">
          <span class="unseen">{texts.answer} </span>
          <p>{view.greeting}</p>
        </li>
        {view.turns.map((turn) => (
          <Turn key={turn.turn} turn={turn} />
        ))}
        {state.sending !== null && (
          <li class="mine waiting">
            <span class="unseen">{texts.you} </span>
            <p>{state.sending}</p>
            <small>{state.network === "fine" ? texts.sending : texts.kept}</small>
          </li>
        )}
      </ol>
      <Work />
      <Ready />
      <Following answering={session.answering} />
    </div>
  );
}

function Turn({ turn }: { turn: CaseTurn }) {
  const { session, state, texts } = useSession();
  const mark = markOf(turn, texts);
  const failure = state.failures[turn.turn];
  const failed = turn.outcome === "failed";
  const offered = turn === state.view?.turns.at(-1) && state.view.status === "active" && state.sending === null;
  return (
    <>
      {(turn.kind === "say" || turn.kind === "fill") && (
        <li class="mine">
          <span class="unseen">{texts.you} </span>
          {turn.kind === "fill" && <small>{texts.submitted}</small>}
          <p>{turn.message}</p>
        </li>
      )}
      {mark && !failed && (
        <li class="mark">
          <p>{mark}</p>
        </li>
      )}
      {isOpen(turn) ? (
        <Live turn={turn.turn} answering={session.answering} texts={texts} />
      ) : (
        turn.reply && !failed && <Reply turn={turn} texts={texts} offered={offered} />
      )}
      {turn.outcome === "cancelled" && (
        <li class="mark">
          <p>{texts.stopped}</p>
        </li>
      )}
      {failed && !turn.operator && (
        <li class="mark failed">
          <p>{failure?.message || turn.reply || texts.wrong}</p>
          {turn.kind === "say" && (failure?.retryable ?? true) && (
            <button type="button" class="quiet" onClick={() => void session.say(turn.message)}>
              {texts.again}
            </button>
          )}
        </li>
      )}
    </>
  );
}

/** What stands in the middle where somebody did something but speak. */
function markOf({ kind, operator }: CaseTurn, texts: Texts): string | null {
  const who = operator ?? "";
  const marks: Partial<Record<string, string>> = {
    correct: texts.corrected,
    conclude: texts.concluded,
    ask_human: texts.called,
    take: texts.joined(who),
    hand_back: texts.left(who),
  };
  return marks[kind] ?? null;
}

function Reply({ turn, texts, offered }: { turn: CaseTurn; texts: Texts; offered: boolean }) {
  const human = turn.kind === "operator";
  return (
    <li class={human ? "theirs human" : "theirs"}>
      {human ? (
        <b class="who">
          <Icon name="person" />
          {turn.operator}
        </b>
      ) : (
        <span class="unseen">{texts.answer} </span>
      )}
      <Words text={turn.reply} offered={offered} />
      <Phones text={turn.reply} texts={texts} />
    </li>
  );
}

/** The words of a reply. Where they offer numbered lines, the last reply's can be tapped. */
function Words({ text, offered }: { text: string; offered: boolean }) {
  const { session, texts } = useSession();
  const numbers = numbersIn(useStore(session.draft).text);
  const { before, offers, after } = offersIn(text);
  if (!offered || offers.length === 0) return <p>{text}</p>;
  return (
    <>
      <p>{before}</p>
      <ul class="offers" aria-label={texts.offers}>
        {offers.map(({ number, label }) => (
          <li key={number}>
            <button type="button" aria-pressed={numbers.includes(number)} onClick={() => session.pick(number)}>
              <span>{number}.</span> <span>{label}</span>
            </button>
          </li>
        ))}
      </ul>
      <p class="hint">{[after, texts.offers].filter(Boolean).join("\n")}</p>
    </>
  );
}

/** The result is there: the way to it, where the conversation says that it follows. */
function Ready() {
  const { session, state, texts } = useSession();
  if (!state.result || state.work) return null;
  const { area, subarea } = state.result.classification;
  return (
    <section class="card ready" aria-labelledby="ready-title">
      <p class="eyebrow">{texts.yourResult}</p>
      <h2 id="ready-title">{subarea ?? area ?? texts.unplaced}</h2>
      <button type="button" class="main" onClick={() => session.show("result", true)}>
        {texts.seeResult}
      </button>
    </section>
  );
}

/** Buttons that call what a text says to call. */
export function Phones({ text, texts }: { text: string; texts: Texts }) {
  const numbers = phonesIn(text);
  if (numbers.length === 0) return null;
  return (
    <span class="phones">
      {numbers.map((number) => (
        <a key={number} href={dialled(number)}>
          <Icon name="phone" />
          {texts.dial(number)}
        </a>
      ))}
    </span>
  );
}

interface LiveProps {
  turn: number;
  answering: Store<Answering>;
  texts: Texts;
}

/** The answer while it is being given; only this is drawn again for each word. */
function Live({ turn, answering, texts }: LiveProps) {
  const { turn: current, words, status } = useStore(answering);
  const mine = current === turn;
  return (
    <li class="theirs live">
      <span class="unseen">{texts.answer} </span>
      {mine && words.length > 0 ? (
        <p>
          {words.map((word, place) => (
            <span key={place}>{word}</span>
          ))}
        </p>
      ) : (
        <p class="typing">
          <span class="dots" aria-hidden="true">
            <i />
            <i />
            <i />
          </span>
          <span>{status === "analysing" ? texts.analysing : texts.reading}</span>
        </p>
      )}
    </li>
  );
}

/** Draws nothing; apart, because it is drawn again for each word. */
function Following({ answering }: { answering: Store<Answering> }) {
  useFollowing(answering);
  return null;
}

/** Keep the newest words in sight, but never push the beginning of an answer out of it. */
function useFollowing(answering: Store<Answering>): void {
  const { state } = useSession();
  const { words } = useStore(answering);
  const pinned = useRef(true);
  const turns = state.view?.turns.length ?? 0;
  useEffect(() => {
    let top = scrollY;
    const scrolled = () => {
      // Only a person scrolls up; whoever is near the end wants to stay there.
      if (below() <= NEAR) pinned.current = true;
      else if (scrollY < top) pinned.current = false;
      top = scrollY;
    };
    addEventListener("scroll", scrolled, { passive: true });
    return () => removeEventListener("scroll", scrolled);
  }, []);
  useLayoutEffect(() => {
    pinned.current = true;
  }, [turns, state.sending]);
  useLayoutEffect(() => {
    if (!pinned.current || (turns === 0 && state.sending === null)) return;
    const frame = requestAnimationFrame(follow); // once everything of this moment is drawn
    return () => cancelAnimationFrame(frame);
  }, [turns, state.sending, state.view, state.work, state.result, words]);
}

const NEAR = 140;
const AIR = 16;

/** How much of the page lies below what is seen. */
function below(): number {
  const page = document.documentElement;
  return page.scrollHeight - page.clientHeight - page.scrollTop;
}

/** Scroll down to the end, or until the last thing said begins at the top. */
function follow(): void {
  const said = document.querySelectorAll(".said-list > .theirs, .said-list > .mine");
  const last = said[said.length - 1];
  const head = document.querySelector("header")?.getBoundingClientRect().bottom ?? 0;
  const room = last ? last.getBoundingClientRect().top - head - AIR : Infinity;
  const far = Math.min(below(), room);
  if (far > 0) scrollBy({ top: far, behavior: "instant" });
}
