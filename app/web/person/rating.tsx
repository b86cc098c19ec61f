/** How much it helped, from 0 to 10, and why. */

import { useRef, useState } from "preact/hooks";

import { useSession } from "./context.ts";

const SCORES = Array.from({ length: 11 }, (_, score) => score);
const MOST_LETTERS = 2_000;

export function Rating() {
  const { session, state, texts } = useSession();
  const [again, setAgain] = useState(false);
  const title = useRef<HTMLHeadingElement>(null);
  const done = state.rated !== null && !again;
  return (
    <section class="card rating" aria-labelledby="rate-title">
      <h2 id="rate-title" ref={title} tabIndex={-1}>
        {done ? texts.rated : texts.rateTitle}
      </h2>
      {done ? (
        <p class="row">
          <span class="hint">
            {state.rated?.score}/10{state.rated?.comment ? ` · ${state.rated.comment}` : ""}
          </span>
          <button type="button" class="quiet" onClick={() => setAgain(true)}>
            {texts.rateAgain}
          </button>
        </p>
      ) : (
        <RatingForm
          rate={async (score, comment) => {
            if (!(await session.rate(score, comment))) return;
            setAgain(false);
            title.current?.focus();
          }}
        />
      )}
    </section>
  );
}

function RatingForm({ rate }: { rate: (score: number, comment: string) => Promise<void> }) {
  const { state, texts } = useSession();
  const [score, setScore] = useState<number | null>(state.rated?.score ?? null);
  const [comment, setComment] = useState(state.rated?.comment ?? "");
  const [missing, setMissing] = useState(false);
  const [busy, setBusy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    setMissing(score === null);
    if (score === null || busy) return;
    setBusy(true);
    await rate(score, comment.trim());
    setBusy(false);
  };
  return (
    <form onSubmit={(event) => void submit(event)} noValidate>
      <fieldset aria-describedby={missing ? "rate-missing" : "rate-scale"}>
        <legend class="unseen">{texts.rateTitle}</legend>
        <p id="rate-scale" class="hint">
          {texts.rateText}
        </p>
        <div class="scores">
          {SCORES.map((one) => (
            <label key={one}>
              <input
                type="radio"
                name="score"
                value={one}
                checked={score === one}
                onChange={() => {
                  setScore(one);
                  setMissing(false);
                }}
              />
              <span>{one}</span>
            </label>
          ))}
        </div>
        <p class="ends" aria-hidden="true">
          <span>{texts.rateLow}</span>
          <span>{texts.rateHigh}</span>
        </p>
      </fieldset>
      {missing && (
        <p id="rate-missing" class="mistake" role="alert">
          {texts.rateMissing}
        </p>
      )}
      <label class="labelled">
        <span>{texts.rateComment}</span>
        <textarea
          class="field"
          rows={3}
          maxLength={MOST_LETTERS}
          value={comment}
          onInput={(event) => setComment(event.currentTarget.value)}
        />
      </label>
      <button class="main" disabled={busy}>
        {texts.rateSend}
      </button>
    </form>
  );
}
