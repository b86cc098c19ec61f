/** The structured intake: the same care as a form. */

import { useEffect, useRef } from "preact/hooks";

import type { FormField, FormSection } from "../client/src/index.ts";
import { languageOf, readable } from "../common/language.ts";
import { useStore } from "../common/store.ts";
import { useSession } from "./context.ts";
import { chosen, isShown, type Filling } from "./filling.ts";

export function FormView() {
  const { session, state, texts } = useSession();
  const filling = session.filling;
  const { mistakes, answers, sending } = useStore(filling.store);
  const summary = useRef<HTMLDivElement>(null);
  const title = useRef<HTMLHeadingElement>(null);
  const wrong = Object.keys(mistakes).length;
  useEffect(() => {
    if (filling.takeFocus()) summary.current?.focus();
    else if (session.takeFocus("form")) title.current?.focus({ preventScroll: true });
  });
  if (!state.form || !state.view) return null;
  const { sections } = state.form.form;
  const labelled = sections.flatMap(({ fields }) => fields).filter(({ name }) => mistakes[name]);
  return (
    <form
      class="form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void session.submitForm();
      }}
    >
      <h2 class="greeting" ref={title} tabIndex={-1}>
        {state.view.greeting}
      </h2>
      {state.view.notice && <p class="notice">{state.view.notice}</p>}
      <p class="hint">
        {texts.formIntro} {texts.formKept}
      </p>
      {wrong > 0 && (
        <div class="mistakes" ref={summary} tabIndex={-1} role="alert" aria-labelledby="mistakes-title">
          <h3 id="mistakes-title">{texts.formWrong(wrong)}</h3>
          <ul>
            {labelled.map(({ name, label }) => (
              <li key={name}>
                <a
                  href={`#${fieldId(name)}`}
                  onClick={(event) => {
                    event.preventDefault();
                    goTo(name);
                  }}
                >
                  {label}
                </a>{" "}
                <span>{mistakes[name]}</span>
              </li>
            ))}
          </ul>
        </div>
      )}
      {sections.map((section) => {
        const shown = section.fields.filter((field) => isShown(field, answers));
        return shown.length > 0 && <Section key={section.name} section={section} fields={shown} />;
      })}
      <div class="row send">
        <button class="main big" disabled={sending}>
          {sending ? texts.formSending : texts.formSend}
        </button>
        <button type="button" class="quiet" onClick={() => session.ask("human")}>
          {texts.human}
        </button>
      </div>
    </form>
  );
}

function fieldId(name: string): string {
  return `field-${name}`;
}

function goTo(name: string): void {
  const place = document.getElementById(fieldId(name));
  const first = place?.matches("input, textarea, select") ? place : place?.querySelector("input");
  (first as HTMLElement | null)?.focus();
  place?.closest(".question")?.scrollIntoView({ block: "center" });
}

function Section({ section, fields }: { section: FormSection; fields: readonly FormField[] }) {
  const { session } = useSession();
  const name = `section-${section.name}`;
  return (
    <section class="card form-section" aria-labelledby={name}>
      <h3 id={name}>{section.title}</h3>
      {section.hint && <p class="hint">{section.hint}</p>}
      {fields.map((field) => (
        <Question key={field.name} field={field} filling={session.filling} />
      ))}
    </section>
  );
}

interface QuestionProps {
  field: FormField;
  filling: Filling;
}

function Question({ field, filling }: QuestionProps) {
  const { texts } = useSession();
  const { mistakes } = useStore(filling.store);
  const id = fieldId(field.name);
  const mistake = mistakes[field.name];
  const several = field.type === "choices";
  const grouped = several || field.type === "choice" || field.type === "yes_no";
  const hint = field.hint || (several ? texts.several : "");
  const described = [hint && `${id}-hint`, mistake && `${id}-mistake`].filter(Boolean).join(" ");
  const about = (
    <>
      {hint && (
        <p id={`${id}-hint`} class="hint">
          {hint}
        </p>
      )}
      {mistake && (
        <p id={`${id}-mistake`} class="mistake">
          {mistake}
        </p>
      )}
    </>
  );
  const label = (
    <>
      {field.label} <small>{field.required ? texts.required : texts.optional}</small>
    </>
  );
  const shared = {
    field,
    filling,
    id,
    invalid: mistake !== undefined,
    ...(described ? { described } : {}),
  };
  if (grouped) {
    return (
      <fieldset
        id={id}
        class={mistake ? "question wrong" : "question"}
        {...(several ? {} : { role: "radiogroup", "aria-required": field.required })}
        {...(mistake && !several ? { "aria-invalid": true } : {})}
        {...(described ? { "aria-describedby": described } : {})}
      >
        <legend>{label}</legend>
        {about}
        <Options {...shared} />
      </fieldset>
    );
  }
  return (
    <div class={mistake ? "question wrong" : "question"}>
      <label for={id}>{label}</label>
      {about}
      <Typed {...shared} />
    </div>
  );
}

interface InputProps {
  field: FormField;
  filling: Filling;
  id: string;
  invalid: boolean;
  described?: string;
}

function Options({ field, filling, id }: InputProps) {
  const { answers } = useStore(filling.store);
  const several = field.type === "choices";
  const taken = chosen(answers[field.name]);
  return (
    <div class={field.type === "yes_no" ? "options short" : "options"}>
      {(field.options ?? []).map(({ value, label }, place) => (
        <label key={value}>
          <input
            id={`${id}-${place}`}
            type={several ? "checkbox" : "radio"}
            name={id}
            value={value}
            checked={taken.includes(value)}
            onChange={(event) => filling.choose(field, value, event.currentTarget.checked)}
          />
          <span>{label}</span>
        </label>
      ))}
    </div>
  );
}

/** A day can be picked as well as written; what is picked is written as words are. */
function Calendar({ field, filling }: { field: FormField; filling: Filling }) {
  const { state, texts } = useSession();
  return (
    <label class="calendar">
      <span>{texts.calendar}</span>
      <input
        type="date"
        onChange={(event) => {
          const { value } = event.currentTarget;
          if (value) filling.write(field, readable(value, languageOf(state.view?.locale)));
        }}
      />
    </label>
  );
}

/** From this share of the letters on, people are told how many are left. */
const NEARLY = 0.8;

function Typed({ field, filling, id, invalid, described }: InputProps) {
  const { texts } = useSession();
  const { answers } = useStore(filling.store);
  const value = String(answers[field.name] ?? "");
  const most = field.max_length ?? Infinity;
  const left = most - [...value].length;
  const shared = {
    id,
    class: "field",
    value,
    required: field.required,
    "aria-invalid": invalid,
    ...(described ? { "aria-describedby": described } : {}),
    onInput: (event: { currentTarget: { value: string } }) =>
      filling.write(field, event.currentTarget.value),
  };
  return (
    <>
      {field.type === "long_text" ? (
        <textarea {...shared} rows={5} />
      ) : (
        <input
          {...shared}
          type="text"
          autocomplete={field.sensitive ? "off" : "on"}
          {...(field.type === "number" ? { inputMode: "decimal" } : {})}
        />
      )}
      {field.type === "date" && <Calendar field={field} filling={filling} />}
      {left < most * (1 - NEARLY) && (
        <p class={left < 0 ? "letters mistake" : "letters hint"} aria-live="polite">
          {left < 0 ? texts.lettersOver(-left) : texts.letters(left)}
        </p>
      )}
    </>
  );
}
