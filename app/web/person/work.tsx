/** The background analysis: how far it is, and that one may leave meanwhile. */

import { Icon } from "../common/icons.tsx";
import { writtenSpan } from "../common/language.ts";
import { useSession } from "./context.ts";

export function Work() {
  const { session, state, texts } = useSession();
  const { work, language } = state;
  if (!work) return null;
  if (work.state === "failed") {
    return (
      <section class="work card" aria-labelledby="work-title">
        <h2 id="work-title">{texts.workFailed}</h2>
        <p>{work.message}</p>
      </section>
    );
  }
  const { estimate } = work;
  const span = (ms: number) => writtenSpan(ms, language);
  const pace = estimate && texts.workEstimate(span(estimate.half), span(estimate.most));
  const known = work.of > 0;
  return (
    <section class="work card" aria-labelledby="work-title">
      <h2 id="work-title">{texts.workTitle}</h2>
      <progress
        aria-labelledby="work-title"
        aria-describedby="work-where"
        {...(known ? { value: work.done, max: work.of } : {})}
      />
      <p id="work-where" class="where">
        <span>{whereOf(work.state, texts, work)}</span>
        {pace && <span>{pace}</span>}
      </p>
      <p>{state.telling === "on" ? texts.workNotify : texts.workText}</p>
      <div class="row">
        <Tell />
        <button type="button" class="second" onClick={() => session.ask("device")}>
          <Icon name="device" />
          {texts.device}
        </button>
      </div>
    </section>
  );
}

function whereOf(
  state: "queued" | "running",
  texts: ReturnType<typeof useSession>["texts"],
  { ahead, done, of }: { ahead: number; done: number; of: number },
): string {
  if (state === "queued" && of === 0) return texts.workQueued(ahead);
  return done >= of ? texts.workLast : texts.workSteps(done, of);
}

/** The wish to be told when the result is there. */
function Tell() {
  const { session, state, texts } = useSession();
  switch (state.telling) {
    case "possible":
    case "asking":
      return (
        <button
          type="button"
          class="main"
          disabled={state.telling === "asking"}
          onClick={() => void session.beTold()}
        >
          <Icon name="bell" />
          {texts.notify}
        </button>
      );
    case "on":
      return (
        <p class="told">
          <Icon name="check" />
          {texts.notified}
        </p>
      );
    case "blocked":
      return <p class="hint">{texts.notifyBlocked}</p>;
    case "failed":
      return <p class="hint">{texts.notifyFailed}</p>;
    default:
      return null;
  }
}
