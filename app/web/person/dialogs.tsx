/** What is asked or shown above the page: the menu, the link, what is known, and "are you sure?". */

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { TriageError, type LinkMade } from "../client/src/index.ts";
import { Dialog } from "../common/dialog.tsx";
import { Icon, type IconName } from "../common/icons.tsx";
import { useSession } from "./context.ts";
import { Facts } from "./facts.tsx";
import { QrCode } from "./qr.tsx";
import type { Asked } from "./state.ts";

export function Dialogs() {
  const { state } = useSession();
  switch (state.asked) {
    case null:
      return null;
    case "menu":
      return <Menu />;
    case "known":
      return <Known />;
    case "device":
      return <Device />;
    case "human":
      return <AskHuman />;
    default:
      return <Confirm key={state.asked} what={state.asked} />;
  }
}

/* The menu. */

function Menu() {
  const { session, state, texts } = useSession();
  const open = state.phase === "open";
  return (
    <Sheet title={texts.menu} kind="menu">
      <ul class="menu-list">
        {open && state.part !== "result" && (
          <Row icon="check" label={texts.known} hint={texts.knownHint} act={() => session.ask("known")} />
        )}
        {open && (
          <Row icon="device" label={texts.device} hint={texts.deviceHint} act={() => session.ask("device")} />
        )}
        {open && (
          <Row
            icon="download"
            label={texts.download}
            hint={texts.downloadHint}
            act={() => void session.download()}
          />
        )}
        <Row icon="restart" label={texts.restart} hint={texts.restartHint} act={() => session.ask("restart")} />
        <Row icon="trash" label={texts.erase} hint={texts.eraseHint} act={() => session.ask("erase")} grave />
      </ul>
    </Sheet>
  );
}

interface RowProps {
  icon: IconName;
  label: string;
  hint: string;
  act: () => void;
  grave?: boolean;
}

function Row({ icon, label, hint, act, grave }: RowProps) {
  return (
    <li>
      <button type="button" class={grave ? "item grave" : "item"} onClick={act}>
        <Icon name={icon} />
        <span>
          <b>{label}</b>
          <small>{hint}</small>
        </span>
      </button>
    </li>
  );
}

/* What is known so far. */

function Known() {
  const { session, state, texts } = useSession();
  useEffect(() => void session.learnKnown(), [session, state.view?.turns.length]);
  const known = state.known?.map(({ slot, label, value }) => ({ name: slot, label, value }));
  return (
    <Sheet title={texts.known} kind="wide">
      {known === undefined ? (
        <p class="hint">{texts.opening}</p>
      ) : known.length === 0 ? (
        <p>{texts.knownEmpty}</p>
      ) : (
        <Facts facts={known} />
      )}
    </Sheet>
  );
}

/* Another device. */

function Device() {
  const { session, state, texts } = useSession();
  const [made, setMade] = useState<LinkMade | null>(null);
  const [wrong, setWrong] = useState("");
  const [copied, setCopied] = useState(false);
  const over = useIsOver(made?.expires_at ?? null);
  const make = async () => {
    setMade(null);
    setCopied(false);
    try {
      setMade(await session.makeLink());
      setWrong("");
    } catch (error) {
      setWrong(error instanceof TriageError ? error.detail : texts.reconnecting);
    }
  };
  useEffect(() => void make(), []);
  const address = made ? `${location.origin}${location.pathname}#link=${made.code}` : "";
  const until = made && new Date(made.expires_at).toLocaleTimeString(state.language, { timeStyle: "short" });
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(address);
      setCopied(true);
      session.announce(texts.copied);
    } catch {
      field.current?.select(); // the browser keeps the clipboard to itself: it can still be copied by hand
    }
  };
  const field = useRef<HTMLInputElement>(null);
  return (
    <Sheet title={texts.device} kind="device">
      {wrong ? (
        <p class="mistake" role="alert">
          {texts.wrong} {wrong}
        </p>
      ) : made && !over ? (
        <>
          <p>
            {texts.deviceText} {until && texts.deviceUntil(until)}
          </p>
          <QrCode text={address} label={texts.deviceCode} />
          <label class="labelled">
            <span>{texts.link}</span>
            <input
              ref={field}
              class="field"
              readOnly
              value={address}
              onFocus={(event) => event.currentTarget.select()}
            />
          </label>
          <div class="row">
            <button type="button" class="main" onClick={() => void copy()}>
              <Icon name={copied ? "check" : "copy"} />
              {copied ? texts.copied : texts.copy}
            </button>
            {"share" in navigator && (
              <button
                type="button"
                class="second"
                onClick={() => void navigator.share({ url: address }).catch(() => {})}
              >
                {texts.share}
              </button>
            )}
          </div>
          <p class="hint">{texts.deviceSafe}</p>
        </>
      ) : (
        <p>{made ? texts.deviceOver : texts.opening}</p>
      )}
      {(wrong || over) && (
        <div class="row">
          <button type="button" class="main" onClick={() => void make()}>
            {texts.deviceNew}
          </button>
        </div>
      )}
    </Sheet>
  );
}

/** Whether a moment has passed; drawn again when it does. */
function useIsOver(moment: number | null): boolean {
  const [over, setOver] = useState(false);
  useEffect(() => {
    setOver(false);
    if (moment === null) return;
    const timer = setTimeout(() => setOver(true), Math.max(0, moment - Date.now()));
    return () => clearTimeout(timer);
  }, [moment]);
  return over;
}

/* Questions. */

const MOST_LETTERS = 500;

function AskHuman() {
  const { session, texts } = useSession();
  const [why, setWhy] = useState("");
  return (
    <Sheet title={texts.humanTitle}>
      <p>{texts.humanText}</p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void session.callHuman(why.trim());
        }}
      >
        <label class="labelled">
          <span>{texts.humanWhy}</span>
          <textarea
            class="field"
            rows={2}
            maxLength={MOST_LETTERS}
            value={why}
            onInput={(event) => setWhy(event.currentTarget.value)}
          />
        </label>
        <Choices yes={texts.humanYes} />
      </form>
    </Sheet>
  );
}

function Confirm({ what }: { what: Exclude<Asked, "menu" | "known" | "device" | "human"> }) {
  const { session, texts } = useSession();
  const [title, text, yes, act] = {
    finish: [texts.finishTitle, texts.finishText, texts.finish, () => session.finish()],
    restart: [texts.restartTitle, texts.restartHint, texts.restartYes, () => session.restart()],
    erase: [texts.eraseTitle, texts.eraseText, texts.eraseYes, () => session.erase()],
    link: [texts.linkTitle, texts.linkText, texts.linkYes, () => session.followLink()],
  }[what] as [string, string, string, () => Promise<void>];
  return (
    <Sheet title={title}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void act();
        }}
      >
        <p>{text}</p>
        <Choices yes={yes} grave={what === "erase"} />
      </form>
    </Sheet>
  );
}

function Choices({ yes, grave }: { yes: string; grave?: boolean }) {
  const { session, texts } = useSession();
  return (
    <div class="choices">
      <button type="button" class="second" onClick={() => session.ask(null)}>
        {texts.cancel}
      </button>
      <button class={grave ? "danger" : "main"}>{yes}</button>
    </div>
  );
}

function Sheet({ title, kind, children }: { title: string; kind?: string; children: ComponentChildren }) {
  const { session, texts } = useSession();
  return (
    <Dialog
      title={title}
      closing={texts.close}
      onClose={() => session.ask(null)}
      {...(kind ? { class: kind } : {})}
    >
      {children}
    </Dialog>
  );
}
