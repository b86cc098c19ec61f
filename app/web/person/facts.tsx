/** What was understood, each detail with a way to set it right. */

import { useRef, useState } from "preact/hooks";

import { readable } from "../common/language.ts";
import { useSession } from "./context.ts";

export interface ShownFact {
  name: string;
  label: string;
  value: string;
}

/** A free statement has no slot of its own, so there is nothing that could be set right. */
const FREE = "statement";

export function Facts({ facts }: { facts: readonly ShownFact[] }) {
  return (
    <dl class="facts">
      {facts.map((fact, place) => (
        <Fact key={fact.name === FREE ? `${FREE} ${place}` : fact.name} fact={fact} />
      ))}
    </dl>
  );
}

function Fact({ fact }: { fact: ShownFact }) {
  const { session, state, texts } = useSession();
  const [mending, setMending] = useState(false);
  const [busy, setBusy] = useState(false);
  const opener = useRef<HTMLButtonElement>(null);
  const close = () => {
    setMending(false);
    queueMicrotask(() => opener.current?.focus());
  };
  const save = async (value: string) => {
    if (value === fact.value) return close();
    setBusy(true);
    const done = await session.correct(fact.name, value);
    setBusy(false);
    if (done) close();
  };
  return (
    <div class={mending ? "mending" : undefined}>
      <dt>{fact.label}</dt>
      <dd>
        {mending ? (
          <Mend fact={fact} busy={busy} save={save} close={close} />
        ) : (
          <>
            <span>{readable(fact.value, state.language)}</span>
            {fact.name !== FREE && (
              <button
                ref={opener}
                type="button"
                class="quiet"
                aria-label={`${texts.fix}: ${fact.label}`}
                onClick={() => setMending(true)}
              >
                {texts.fix}
              </button>
            )}
          </>
        )}
      </dd>
    </div>
  );
}

interface MendProps {
  fact: ShownFact;
  busy: boolean;
  save: (value: string) => Promise<void>;
  close: () => void;
}

const LONG = 60;

function Mend({ fact, busy, save, close }: MendProps) {
  const { texts } = useSession();
  const [value, setValue] = useState(fact.value);
  const name = `mend-${fact.name}`;
  const shared = {
    id: name,
    class: "field",
    value,
    readOnly: busy,
    "aria-label": `${texts.fixing}: ${fact.label}`,
    "aria-describedby": `${name}-hint`,
    ref: (made: HTMLInputElement | HTMLTextAreaElement | null) => {
      if (made && !made.dataset["begun"]) {
        made.dataset["begun"] = "yes";
        made.focus();
        made.select();
      }
    },
    onInput: (event: { currentTarget: { value: string } }) => setValue(event.currentTarget.value),
    onKeyDown: (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      close();
    },
  };
  return (
    <form
      class="mend"
      onSubmit={(event) => {
        event.preventDefault();
        if (!busy) void save(value.trim());
      }}
    >
      {fact.value.length > LONG ? <textarea {...shared} rows={4} /> : <input {...shared} />}
      <p id={`${name}-hint`} class="hint">
        {texts.nothing}
      </p>
      <div class="row">
        <button class="main" disabled={busy}>
          {texts.save}
        </button>
        <button type="button" class="second" onClick={close}>
          {texts.cancel}
        </button>
      </div>
    </form>
  );
}
