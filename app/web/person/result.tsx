/** The result: what it is, how urgent, what to do now, and everything to take along. */

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

import type { Analysis } from "../client/src/index.ts";
import { Icon } from "../common/icons.tsx";
import { readable, writtenMoment } from "../common/language.ts";
import { useChecked } from "./checked.ts";
import { useSession } from "./context.ts";
import { Facts } from "./facts.tsx";
import { Rating } from "./rating.tsx";
import { Phones } from "./talk.tsx";

export function Result() {
  const { session, state, texts } = useSession();
  const title = useRef<HTMLHeadingElement>(null);
  const result = state.result;
  useEffect(() => {
    if (session.takeFocus("result")) title.current?.focus({ preventScroll: true });
  });
  if (!result) return null;
  const kind = result.classification;
  const name = kind.subarea ?? kind.area ?? texts.unplaced;
  return (
    <article class="result" aria-labelledby="result-title">
      <div class="result-head">
        <p class="eyebrow">
          {kind.subarea && kind.area ? `${texts.yourResult} · ${kind.area}` : texts.yourResult}
        </p>
        <h2 id="result-title" ref={title} tabIndex={-1}>
          {name}
        </h2>
        {kind.abstained && <p>{texts.unplacedText}</p>}
        {state.remaking && (
          <p class="remaking">
            <i class="spin" aria-hidden="true" />
            {texts.remaking}
          </p>
        )}
      </div>
      <Urgency result={result} />
      <Human result={result} />
      <Part title={texts.summary} shown={result.summary.plain}>
        <p class="plain">{result.summary.plain}</p>
      </Part>
      <List title={texts.steps} items={result.next_steps} kind="steps" />
      <Papers needed={result.documents.needed} mentioned={result.documents.mentioned} />
      <List title={texts.warnings} items={result.warnings} kind="warnings" />
      <Story result={result} />
      <Part title={texts.facts} shown={result.facts.length}>
        <p class="hint screen">{texts.factsText}</p>
        <Facts facts={result.facts} />
      </Part>
      {result.summary.professional && (
        <details class="part professional">
          <summary>{texts.professional}</summary>
          <p class="plain">{result.summary.professional}</p>
        </details>
      )}
      <p class="made hint">
        {texts.made(writtenMoment(result.created_at, state.language))},{" "}
        {result.provenance.models.length > 0 ? texts.byModels : texts.byRules}.
      </p>
      <div class="row screen">
        <button type="button" class="main" onClick={() => print()}>
          <Icon name="print" />
          {texts.print}
        </button>
        <button type="button" class="second" onClick={() => session.show("talk", true)}>
          <Icon name="talk" />
          {texts.goOn}
        </button>
      </div>
      <Rating />
    </article>
  );
}

function Urgency({ result }: { result: Analysis }) {
  const { texts } = useSession();
  const { level, reason, deadline, immediate_actions: actions } = result.urgency;
  const grave = level === "high" || level === "critical";
  return (
    <section class="urgency" data-level={level} aria-labelledby="urgency-level">
      <h3 id="urgency-level" class="badge">
        <Icon name={grave ? "alert" : "clock"} />
        {texts.urgency[level] ?? level}
      </h3>
      {reason && <p>{reason}</p>}
      {deadline && (
        <p class="deadline">
          <Icon name="flag" />
          <span>
            <strong>{texts.deadline}:</strong> {deadline}
          </span>
        </p>
      )}
      {actions.length > 0 && (
        <div class="now">
          <h4>{texts.now}</h4>
          <ul>
            {actions.map((action) => (
              <li key={action}>
                <span>{action}</span>
                <Phones text={action} texts={texts} />
              </li>
            ))}
          </ul>
        </div>
      )}
    </section>
  );
}

/** A human: how it stands with one, or the way to one. */
function Human({ result }: { result: Analysis }) {
  const { session, state, texts } = useSession();
  const handoff = state.view?.handoff;
  const open = handoff?.status === "requested" || handoff?.status === "taken";
  if (!result.needs_human && !open) return null;
  const where =
    handoff?.status === "taken"
      ? texts.answering(handoff.operator ?? "")
      : handoff?.status === "requested"
        ? texts.waiting
        : null;
  return (
    <section class="human-part">
      <Icon name="person" />
      <div>
        {result.needs_human && <p class="strong">{texts.needsHuman}</p>}
        {where && <p>{where}</p>}
        {open ? (
          <button type="button" class="quiet screen" onClick={() => session.show("talk", true)}>
            {texts.conversation}
          </button>
        ) : (
          <button type="button" class="quiet screen" onClick={() => session.ask("human")}>
            {texts.human}
          </button>
        )}
      </div>
    </section>
  );
}

function Story({ result }: { result: Analysis }) {
  const { state, texts } = useSession();
  const { chronology, requests, parties, viability } = result;
  const looked = viability.level !== "unknown"; // otherwise it only repeats what was asked
  return (
    <>
      <Part title={texts.chronology} shown={chronology.length}>
        <ol class="times">
          {chronology.map((entry, place) => (
            <li key={place}>
              <b>{readable(entry.when, state.language)}</b>
              <span>{entry.what}</span>
            </li>
          ))}
        </ol>
      </Part>
      <List title={texts.requests} items={requests} />
      <List
        title={texts.parties}
        items={parties.map(({ role, name }) => (name && name !== role ? `${name} (${role})` : role))}
      />
      <List title={texts.strengths} items={looked ? viability.strengths : []} kind="plus" />
      <List title={texts.weaknesses} items={looked ? viability.weaknesses : []} kind="minus" />
    </>
  );
}

/** What to bring, to be ticked off on this device, and what is there already. */
function Papers({ needed, mentioned }: { needed: readonly string[]; mentioned: readonly string[] }) {
  const { state, texts } = useSession();
  const [checked, toggle] = useChecked(state.view?.case_id ?? "");
  return (
    <>
      <Part title={texts.documents} shown={needed.length}>
        <ul class="papers">
          {needed.map((paper) => (
            <li key={paper}>
              <label>
                <input type="checkbox" checked={checked.has(paper)} onChange={() => toggle(paper)} />
                <span>{paper}</span>
              </label>
            </li>
          ))}
        </ul>
      </Part>
      <List title={texts.mentioned} items={mentioned} kind="have" />
    </>
  );
}

interface PartProps {
  title: string;
  /** Nothing is drawn where there is nothing to show. */
  shown: unknown;
  kind?: string;
  children: ComponentChildren;
}

function Part({ title, shown, kind, children }: PartProps) {
  if (!shown) return null;
  return (
    <section class={kind ? `part ${kind}-part` : "part"}>
      <h3>{title}</h3>
      {children}
    </section>
  );
}

interface ListProps {
  title: string;
  items: readonly string[];
  kind?: "steps" | "warnings" | "have" | "plus" | "minus";
}

function List({ title, items, kind }: ListProps) {
  const { texts } = useSession();
  const lines = items.map((item, place) => (
    <li key={place}>
      <span>{item}</span>
      <Phones text={item} texts={texts} />
    </li>
  ));
  return (
    <Part title={title} shown={items.length} {...(kind ? { kind } : {})}>
      {kind === "steps" ? <ol class="steps">{lines}</ol> : <ul class={kind ?? "lines"}>{lines}</ul>}
    </Part>
  );
}
