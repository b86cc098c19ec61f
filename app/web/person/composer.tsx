/** Where the person writes, stops an answer, ends the interview and asks for a human. */

import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

import { Icon } from "../common/icons.tsx";
import { useStore } from "../common/store.ts";
import { useSession } from "./context.ts";
import { isWithHuman } from "./state.ts";

export function Composer() {
  const { session, state, texts } = useSession();
  const { turn } = useStore(session.answering);
  const box = useRef<HTMLTextAreaElement>(null);
  const { text: draft } = useStore(session.draft);
  useEffect(() => {
    if (session.takeFocus("talk")) box.current?.focus({ preventScroll: true });
  });
  useLayoutEffect(() => grow(box.current), [draft]);

  const { view, sending } = state;
  const busy = sending !== null || turn !== null;
  const ready = view !== null && !busy && draft.trim() !== "";
  const submit = () => {
    if (!ready) return;
    const text = draft.trim();
    session.write("");
    void session.say(text);
    box.current?.focus();
  };
  const human = view?.handoff?.status === "taken" ? (view.handoff.operator ?? "") : null;
  const over = view?.status === "completed";
  return (
    <footer>
      <div class="column">
        <Company />
        <form
          class="composer"
          onSubmit={(event) => {
            event.preventDefault();
            submit();
          }}
        >
          <label class="unseen" for="message">
            {texts.message}
          </label>
          <textarea
            ref={box}
            id="message"
            rows={1}
            enterkeyhint="send"
            autocomplete="off"
            aria-describedby="keys"
            placeholder={human !== null ? texts.toHuman(human) : over ? texts.add : texts.write}
            value={draft}
            onInput={(event) => session.write(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
              event.preventDefault();
              submit();
            }}
          />
          {turn !== null ? (
            <button
              key="stop"
              type="button"
              class="round main stop"
              aria-label={texts.stop}
              onClick={() => void session.stop()}
            >
              <Icon name="stop" />
            </button>
          ) : (
            <button key="send" class="round main" aria-label={texts.send} disabled={!ready}>
              <Icon name="send" />
            </button>
          )}
        </form>
        <span id="keys" class="unseen">
          {texts.keys}
        </span>
        <div class="actions">
          <Doing />
          {!isWithHuman(view) && (
            <button type="button" class="quiet" onClick={() => session.ask("human")}>
              {texts.human}
            </button>
          )}
          {!over && (view?.turns.length ?? 0) > 0 && (
            <button type="button" class="quiet" disabled={busy} onClick={() => session.ask("finish")}>
              {texts.finish}
            </button>
          )}
        </div>
      </div>
    </footer>
  );
}

/** A word about what goes on. It always takes its place, so that nothing moves when it changes. */
function Doing() {
  const { session, state, texts } = useSession();
  const { turn, words, status } = useStore(session.answering);
  let doing = texts.keys;
  if (state.sending !== null) doing = state.network === "fine" ? texts.sending : texts.held;
  else if (turn !== null) {
    doing = words.length > 0 ? texts.writing : status === "analysing" ? texts.analysing : texts.reading;
  }
  return <span class={doing === texts.keys ? "doing keys" : "doing"}>{doing}</span>;
}

/** Who answers, where a human was called or is there. */
function Company() {
  const { state, texts } = useSession();
  const handoff = state.view?.handoff;
  if (!isWithHuman(state.view)) return null;
  return (
    <p class="company">
      <Icon name="person" />
      {handoff?.status === "taken" ? texts.answering(handoff.operator ?? "") : texts.waiting}
    </p>
  );
}

const HIGHEST = 168;

function grow(box: HTMLTextAreaElement | null): void {
  if (!box) return;
  box.style.height = "auto";
  box.style.height = `${Math.min(box.scrollHeight, HIGHEST)}px`;
}
