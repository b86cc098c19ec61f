/** Searching a kind of problem: a combobox over the closed taxonomy, as ARIA describes one. */

import type { RefObject } from "preact";
import { useId, useMemo, useState } from "preact/hooks";

import type { AreaView } from "../client/src/schema.ts";
import { useStore } from "../common/store.ts";
import { named } from "./bits.tsx";
import { session } from "./session.ts";
import { useTexts } from "./texts.ts";

const SHOWN = 8;

interface CodeSearchProps {
  input: RefObject<HTMLInputElement | null>;
  areas: AreaView[];
  /** Undefined where nothing is chosen, null where it is out of scope. */
  chosen: string | null | undefined;
  onChoose: (code: string) => void;
  shortcut: boolean;
}

export function CodeSearch({ input, areas, chosen, onChoose, shortcut }: CodeSearchProps) {
  const t = useTexts();
  const { language } = useStore(session);
  const id = useId();
  const [text, setText] = useState("");
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(0);
  const all = useMemo(
    () =>
      areas.flatMap((area) =>
        area.subareas.map((sub) => ({
          code: sub.code,
          label: named(sub.label, language),
          area: named(area.label, language),
          folded: folded([sub.code, ...Object.values(sub.label), ...Object.values(area.label), ...Object.values(sub.description)].join(" ")),
          title: folded(`${sub.code} ${Object.values(sub.label).join(" ")}`),
        })),
      ),
    [areas, language],
  );
  const found = useMemo(() => {
    const words = folded(text).split(/\s+/).filter(Boolean);
    const hits = all.filter((one) => words.every((word) => one.folded.includes(word)));
    const score = (one: (typeof all)[number]) => words.filter((word) => one.title.includes(word)).length;
    return hits.sort((a, b) => score(b) - score(a)).slice(0, words.length ? SHOWN : all.length);
  }, [text, all]);
  const current = typeof chosen === "string" ? all.find((one) => one.code === chosen) : undefined;

  function choose(code: string) {
    onChoose(code);
    setText("");
    setOpen(false);
    input.current?.blur();
  }
  return (
    <div class="combobox">
      <label for={`${id}-input`}>
        {t.reviews.code} {shortcut && <kbd>/</kbd>}
      </label>
      <input
        ref={input}
        id={`${id}-input`}
        class="field"
        type="text"
        role="combobox"
        autocomplete="off"
        spellcheck={false}
        aria-expanded={open}
        aria-controls={`${id}-list`}
        aria-autocomplete="list"
        aria-activedescendant={open && found[active] ? `${id}-${active}` : undefined}
        placeholder={t.reviews.search}
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value);
          setActive(0);
          setOpen(true);
        }}
        onFocus={() => setOpen(true)}
        onBlur={() => setOpen(false)}
        onKeyDown={(event) => {
          if (event.ctrlKey || event.metaKey) return;
          if (event.key === "ArrowDown" || event.key === "ArrowUp") {
            event.preventDefault();
            setOpen(true);
            const step = event.key === "ArrowDown" ? 1 : -1;
            setActive((now) => (now + step + found.length) % Math.max(1, found.length));
          } else if (event.key === "Enter") {
            event.preventDefault();
            const one = found[active];
            if (open && one) choose(one.code);
          }
        }}
      />
      <ul id={`${id}-list`} role="listbox" aria-label={t.reviews.code} hidden={!open}>
        {found.map((one, index) => (
          <li
            key={one.code}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === active}
            onMouseDown={(event) => {
              event.preventDefault();
              choose(one.code);
            }}
          >
            <span>{one.label}</span>
            <small>{one.area}</small>
          </li>
        ))}
        {found.length === 0 && (
          <li role="option" aria-selected={false} aria-disabled="true" class="faint">
            {t.reviews.noMatch}
          </li>
        )}
      </ul>
      {current && (
        <p class="chosen" role="status">
          <strong>{current.label}</strong> <span class="mono faint">{current.code}</span>
        </p>
      )}
    </div>
  );
}

/** Without accents and case, as people type when they are quick. */
function folded(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}
