/** Who waits for a human, longest first; and the conversation that is open beside. */

import { useState } from "preact/hooks";

import { TriageError } from "../client/src/errors.ts";
import type { HandoffList, HandoffRow } from "../client/src/schema.ts";
import { writtenSpan } from "../common/language.ts";
import { useStore } from "../common/store.ts";
import { read } from "./api.ts";
import { Empty, Failure, Loading, Tag } from "./bits.tsx";
import { CaseHead, Talk, useCase } from "./conversation.tsx";
import { Desk } from "./desk.tsx";
import { useKnown } from "./known.ts";
import { useLoaded, useNow } from "./loading.ts";
import { Outcome } from "./outcome.tsx";
import { type Route, link } from "./route.ts";
import { session } from "./session.ts";
import { useTexts } from "./texts.ts";

const FRESH_MS = 2_000;

export function HandoffsView({ route }: { route: Route }) {
  const t = useTexts();
  const [limit, setLimit] = useState(50);
  const list = useLoaded(
    (signal) => read<HandoffList>("/handoffs", { limit }, signal),
    `handoffs ${limit}`,
    FRESH_MS,
  );
  const rows = list.value?.handoffs ?? [];
  return (
    <section class={route.id ? "view split has-open" : "view split"}>
      <div class="split-list">
        <h1>{t.handoff.title}</h1>
        {list.error && <Failure error={list.error} onRetry={list.reload} />}
        {list.loading ? <Loading /> : rows.length === 0 && !list.error ? <Empty>{t.handoff.empty}</Empty> : null}
        <ul class="inbox">
          {rows.map((row) => (
            <Row key={row.case_id} row={row} open={row.case_id === route.id} />
          ))}
        </ul>
        {list.value?.cursor && limit < 200 && (
          <button type="button" class="second" onClick={() => setLimit(200)}>
            {t.more}
          </button>
        )}
      </div>
      <div class="split-open">
        {route.id ? <Opened id={route.id} onDone={list.reload} /> : <Empty>{t.handoff.choose}</Empty>}
      </div>
    </section>
  );
}

function Row({ row, open }: { row: HandoffRow; open: boolean }) {
  const t = useTexts();
  const { names } = useKnown();
  const { language, name } = useStore(session);
  const now = useNow();
  const likely = row.candidates[0];
  return (
    <li>
      <a href={link("handoffs", row.case_id)} aria-current={open ? "true" : undefined} class={row.status}>
        <span class="inbox-top">
          <strong>{likely ? names.code(likely.code) : t.cases.unplaced}</strong>
          <span class="waits">
            {row.status === "requested"
              ? t.handoff.waits(writtenSpan(now - row.requested_at, language))
              : row.operator === name
                ? t.handoff.youHave
                : t.handoff.has(row.operator ?? "")}
          </span>
        </span>
        <span class="faint">
          {t.handoff.by[row.by]} · {row.locale}
        </span>
        {row.red_flags.length > 0 && (
          <span class="tags">
            {row.red_flags.map((one) => (
              <Tag key={one} kind="flagged">
                {names.flag(one)}
              </Tag>
            ))}
          </span>
        )}
      </a>
    </li>
  );
}

function Opened({ id, onDone }: { id: string; onDone: () => void }) {
  const t = useTexts();
  const found = useCase(id);
  if (!found.value) {
    if (found.error instanceof TriageError && found.error.status === 404) return <Empty>{t.caseView.gone}</Empty>;
    return found.error ? <Failure error={found.error} onRetry={found.reload} /> : <Loading />;
  }
  const done = () => {
    found.reload();
    onDone();
  };
  return (
    <>
      <a class="back" href={link("handoffs")}>
        {t.caseView.back}
      </a>
      <CaseHead opened={found.value} live={found.live} />
      {found.error && <Failure error={found.error} onRetry={found.reload} />}
      <div class="case-talk">
        <Talk opened={found.value} />
        <Desk opened={found.value} onDone={done} />
      </div>
      <Outcome opened={found.value} />
    </>
  );
}
