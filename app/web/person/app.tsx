/** The page: its head, the part that is looked at, where one writes, and what is read out. */

import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";

import { Icon } from "../common/icons.tsx";
import type { Language } from "../common/language.ts";
import { useStore } from "../common/store.ts";
import { Composer } from "./composer.tsx";
import { SharedContext, useSession } from "./context.ts";
import { Dialogs } from "./dialogs.tsx";
import { FormView } from "./form.tsx";
import { Result } from "./result.tsx";
import type { Session } from "./session.ts";
import type { Part } from "./state.ts";
import { Talk } from "./talk.tsx";
import { textsOf } from "./texts.ts";

export function App({ session }: { session: Session }) {
  const state = useStore(session.store);
  const texts = textsOf(state.language);
  useEffect(() => {
    document.title = state.fresh.includes("result") ? texts.tabReady : texts.tab;
  }, [texts, state.fresh]);
  const talking = state.phase === "open" && state.part === "talk";
  return (
    <SharedContext.Provider value={{ session, state, texts }}>
      <a
        class="skip"
        href="#content"
        onClick={(event) => {
          event.preventDefault();
          document.getElementById(talking ? "message" : "content")?.focus();
        }}
      >
        {texts.skip}
      </a>
      <Head />
      <main id="content" class="column" tabIndex={-1}>
        <Content />
      </main>
      <Notices />
      {talking && <Composer />}
      <Dialogs />
      <Announcer />
    </SharedContext.Provider>
  );
}

function Head() {
  const { session, state, texts } = useSession();
  return (
    <header>
      <div class="column bar">
        <img src="/icon.svg" alt="" width="32" height="32" />
        <h1>{texts.title}</h1>
        <Languages />
        <button
          type="button"
          class="round"
          aria-label={texts.menu}
          aria-haspopup="dialog"
          disabled={state.phase === "opening"}
          onClick={() => session.ask("menu")}
        >
          <Icon name="more" class="thick" />
        </button>
      </div>
      <Parts />
    </header>
  );
}

const LANGUAGES: readonly (readonly [Language, string, string])[] = [
  ["pt-BR", "PT", "Português"],
  ["en", "EN", "English"],
];

function Languages() {
  const { session, state, texts } = useSession();
  return (
    <div class="languages" role="group" aria-label={texts.language}>
      {LANGUAGES.map(([language, short, name]) => (
        <button
          key={language}
          type="button"
          lang={language}
          aria-label={`${short}, ${name}`}
          aria-pressed={state.language === language}
          onClick={() => void session.speak(language)}
        >
          {short}
        </button>
      ))}
    </div>
  );
}

/** Ways between the conversation and the result, once there is something to choose. */
function Parts() {
  const { session, state, texts } = useSession();
  const filling = state.form?.status === "open";
  const talked = state.part === "talk" || state.fresh.includes("talk") || !!state.view?.turns.length;
  if (state.phase !== "open" || !(state.result || (filling && talked))) return null;
  const parts: (readonly [Part, string])[] = [["talk", texts.conversation]];
  if (filling) parts.unshift(["form", texts.form]);
  if (state.result) parts.unshift(["result", texts.result]);
  return (
    <nav class="column parts" aria-label={texts.views}>
      {parts.map(([part, name]) => (
        <button
          key={part}
          type="button"
          aria-current={state.part === part ? "page" : undefined}
          onClick={() => session.show(part)}
        >
          {name}
          {state.fresh.includes(part) && (
            <>
              <i class="dot" />
              <span class="unseen">, {texts.fresh}</span>
            </>
          )}
        </button>
      ))}
    </nav>
  );
}

function Content() {
  const { session, state, texts } = useSession();
  switch (state.phase) {
    case "opening":
      return <p class="opening">{texts.opening}</p>;
    case "failed":
      return (
        <Ending title={texts.noStart} text={state.reason} action={texts.again} act={() => session.start()} />
      );
    case "erased":
      return (
        <Ending title={texts.erasedTitle} text={texts.erasedText} action={texts.begin} act={() => session.start()}>
          <Icon name="check" class="big" />
        </Ending>
      );
    case "gone":
      return <Ending title={texts.goneTitle} text={texts.goneText} action={texts.begin} act={() => session.start()} />;
    case "open":
      if (state.part === "form") return <FormView />;
      return state.part === "result" ? <Result /> : <Talk />;
  }
}

interface EndingProps {
  title: string;
  text: string;
  action: string;
  act: () => Promise<void>;
  children?: ComponentChildren;
}

/** There is no case to show; what there is to do instead. */
function Ending({ title, text, action, act, children }: EndingProps) {
  return (
    <section class="ending" aria-labelledby="ending-title">
      {children}
      <h2 id="ending-title">{title}</h2>
      <p>{text}</p>
      <button type="button" class="main" onClick={() => void act()}>
        {action}
      </button>
    </section>
  );
}

/** What the page says about itself: the network, and what did not work. */
function Notices() {
  const { session, state, texts } = useSession();
  const network = { fine: "", offline: texts.offline, reconnecting: texts.reconnecting, busy: texts.busy }[
    state.network
  ];
  return (
    <div class={state.part === "talk" ? "notices" : "notices low"}>
      <div class="column">
        <p role="status" class="network" hidden={!network}>
          <Icon name="offline" />
          <span>{network}</span>
        </p>
        <div role={state.notice?.alarming ? "alert" : "status"}>
          {state.notice && (
            <p class={state.notice.alarming ? "note alarming" : "note"}>
              <Icon name={state.notice.alarming ? "alert" : "info"} />
              <span>{state.notice.text}</span>
              <button type="button" class="round" aria-label={texts.close} onClick={() => session.core.notice("")}>
                <Icon name="close" />
              </button>
            </p>
          )}
        </div>
      </div>
    </div>
  );
}

/** Whole sentences for screen readers, never single words. */
function Announcer() {
  const { session } = useSession();
  const { sentences } = useStore(session.core.spoken);
  return (
    <div id="announcer" class="unseen" role="log" aria-live="polite">
      {sentences.map(({ key, text }) => (
        <p key={key}>{text}</p>
      ))}
    </div>
  );
}
