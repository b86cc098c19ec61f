/** Taking a conversation, answering in it, and handing it back. */

import { useEffect, useRef, useState } from "preact/hooks";

import { TriageError } from "../client/src/errors.ts";
import type { OperatorAnswer, OperatorCase } from "../client/src/schema.ts";
import { randomName } from "../common/random.ts";
import { useStore } from "../common/store.ts";
import { send } from "./api.ts";
import { Said, useReason, useSaid } from "./bits.tsx";
import { useKnown } from "./known.ts";
import { session } from "./session.ts";
import { useTexts } from "./texts.ts";

type Act = "take" | "reply" | "return";

/** What is being written in which case: it outlives a look at another one. */
const drafts = new Map<string, string>();

export function Desk({ opened, onDone }: { opened: OperatorCase; onDone: () => void }) {
  const t = useTexts();
  const { name } = useStore(session);
  const { names } = useKnown();
  const reason = useReason();
  const id = opened.case.case_id;
  const handoff = opened.case.handoff ?? null;
  const [busy, setBusy] = useState(false);
  const [text, write] = useState(drafts.get(id) ?? "");
  const { said, wrong, say } = useSaid();
  const key = useRef({ of: "", key: "" });
  const box = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    write(drafts.get(id) ?? "");
    say("");
  }, [id]);
  const mine = handoff?.status === "taken" && handoff.operator === name;
  useEffect(() => {
    if (mine) box.current?.focus();
  }, [mine]);

  async function act(what: Act) {
    if (busy) return;
    const body = what === "reply" ? { operator: name, text: text.trim() } : { operator: name };
    // The same words tried again are the same message: it is said once.
    const of = JSON.stringify([id, what, body, handoff?.requested_at, handoff?.status]);
    if (key.current.of !== of) key.current = { of, key: randomName() };
    setBusy(true);
    say("");
    try {
      const answer = await send<OperatorAnswer>("POST", `/operator/cases/${id}/${what}`, body, key.current.key);
      key.current = { of: "", key: "" };
      if (what === "reply") {
        drafts.delete(id);
        write("");
      }
      if (answer.outcome === "pending") say(t.handoff.pending);
      else if (what === "return") say(t.handoff.returned);
    } catch (error) {
      const conflict = error instanceof TriageError && error.kind === "handoff-conflict";
      if (conflict) key.current = { of: "", key: "" };
      say(conflict ? `${t.handoff.conflict} ${error.detail}` : reason(error as Error), true);
    } finally {
      setBusy(false);
      onDone();
    }
  }

  if (!handoff || handoff.status === "returned") {
    return said ? (
      <div class="desk">
        <Said said={said} wrong={wrong} />
      </div>
    ) : null;
  }
  return (
    <div class="desk">
      {handoff.reason && (
        <p class="asked">
          {t.handoff.by[handoff.by]}:{" "}
          {handoff.by === "red_flag" ? (
            <strong>{handoff.reason.split(", ").map((code) => names.flag(code)).join(", ")}</strong>
          ) : (
            <q>{handoff.reason}</q>
          )}
        </p>
      )}
      {handoff.status === "requested" ? (
        <div class="desk-row">
          <p>{t.handoff.takeLead}</p>
          <button type="button" class="main" disabled={busy} onClick={() => void act("take")}>
            {t.handoff.take}
          </button>
        </div>
      ) : mine ? (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (text.trim()) void act("reply");
          }}
        >
          <label>
            <span>{t.handoff.reply}</span>
            <textarea
              ref={box}
              class="field"
              rows={3}
              maxLength={10_000}
              value={text}
              lang={opened.case.locale}
              onInput={(event) => {
                drafts.set(id, event.currentTarget.value);
                write(event.currentTarget.value);
              }}
              onKeyDown={(event) => {
                if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
                  event.preventDefault();
                  event.currentTarget.form?.requestSubmit();
                }
              }}
            />
          </label>
          <div class="desk-row">
            <small>{t.handoff.keys}</small>
            <button type="button" class="second" disabled={busy} title={t.handoff.backLead} onClick={() => void act("return")}>
              {t.handoff.back}
            </button>
            <button type="submit" class="main" disabled={busy || !text.trim()}>
              {t.handoff.send}
            </button>
          </div>
        </form>
      ) : (
        <p>{t.handoff.otherHas(handoff.operator ?? "")}</p>
      )}
      <Said said={said} wrong={wrong} />
    </div>
  );
}
