/** All cases, by what they are like; and one of them. */

import { useEffect, useMemo, useRef, useState } from "preact/hooks";

import type { CaseList, CaseRow } from "../client/src/schema.ts";
import { Icon } from "../common/icons.tsx";
import { useStore } from "../common/store.ts";
import { read } from "./api.ts";
import { Empty, Failure, Loading, Moment, Tag, URGENCIES, Urgency, named } from "./bits.tsx";
import { Conversation } from "./conversation.tsx";
import { useKnown } from "./known.ts";
import { usePaged } from "./paged.ts";
import { type Route, link, refine } from "./route.ts";
import { session } from "./session.ts";
import { useTexts } from "./texts.ts";

const FILTERS = ["status", "urgency", "code", "red_flag", "needs_human", "locale", "variant", "since"] as const;
type Filter = (typeof FILTERS)[number];
const SPANS: Record<string, number> = { hour: 3_600e3, day: 86_400e3, week: 7 * 86_400e3, month: 30 * 86_400e3 };
const FRESH_MS = 4_000;
const ID = /^[0-9a-f]{32}$/;

export function CasesView({ route }: { route: Route }) {
  const filters = filtersOf(route.query);
  if (route.id) return <Conversation id={route.id} back={link("cases", "", filters)} />;
  return <List filters={filters} />;
}

function filtersOf(query: URLSearchParams): Record<string, string> {
  return Object.fromEntries(FILTERS.flatMap((name) => (query.get(name) ? [[name, query.get(name) ?? ""]] : [])));
}

function List({ filters }: { filters: Record<string, string> }) {
  const t = useTexts();
  const key = JSON.stringify(filters);
  // Since when, in steps of a minute: an address that stays the same is one list.
  const query = useMemo(() => {
    const { since, ...rest } = filters;
    const from = since && SPANS[since] ? Math.floor((Date.now() - SPANS[since]) / 60_000) * 60_000 : null;
    return { ...rest, since: from };
  }, [key]);
  const list = usePaged<CaseRow>(
    async (cursor, signal) => {
      const page = await read<CaseList>("/operator/cases", { ...query, limit: 50, cursor }, signal);
      return { rows: page.cases, cursor: page.cursor };
    },
    (row) => row.case_id,
    key,
    FRESH_MS,
  );
  const filtered = Object.keys(filters).length > 0;
  return (
    <section class="view">
      <div class="view-head">
        <h1>{t.views.cases}</h1>
        <OpenById />
      </div>
      <Filters filters={filters} />
      {list.error && <Failure error={list.error} onRetry={list.reload} />}
      {list.loading ? (
        <Loading />
      ) : list.rows.length === 0 && !list.more ? (
        !list.error && <Empty>{filtered ? t.cases.empty : t.cases.emptyAll}</Empty>
      ) : (
        <Table rows={list.rows} filters={filters} />
      )}
      {list.more && <More going={list.going} short={list.rows.length === 0} next={list.next} />}
    </section>
  );
}

/** More rows come when the end of the list comes into sight, or at a press. */
export function More({ going, short, next }: { going: boolean; short: boolean; next: () => void }) {
  const t = useTexts();
  const mark = useRef<HTMLDivElement>(null);
  const go = useRef(next);
  go.current = next;
  useEffect(() => {
    if (!mark.current) return;
    const seen = new IntersectionObserver((entries) => {
      if (entries.some((one) => one.isIntersecting)) go.current();
    }, { rootMargin: "300px" });
    seen.observe(mark.current);
    return () => seen.disconnect();
  }, [short]);
  return (
    <div class="more" ref={mark}>
      <button type="button" class="second" disabled={going} onClick={next}>
        {going ? t.looking : short ? t.lookOn : t.more}
      </button>
    </div>
  );
}

function OpenById() {
  const t = useTexts();
  const [id, setId] = useState("");
  return (
    <form
      class="inline"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        const found = id.trim().toLowerCase();
        if (ID.test(found)) location.hash = link("cases", found);
      }}
    >
      <input
        class="field slim mono"
        type="search"
        aria-label={t.cases.open}
        placeholder={t.cases.open}
        pattern="\s*[0-9a-fA-F]{32}\s*"
        value={id}
        onInput={(event) => setId(event.currentTarget.value)}
      />
      <button type="submit" class="second slim">
        {t.cases.openGo}
      </button>
    </form>
  );
}

function Filters({ filters }: { filters: Record<string, string> }) {
  const t = useTexts();
  const { playbooks } = useKnown();
  const { language } = useStore(session);
  const [open, setOpen] = useState(false);
  const set = Object.keys(filters).length > 0;
  useEffect(() => {
    if (set) setOpen(true);
  }, [set]);
  const locales = [...new Set(playbooks.flatMap((one) => one.locales))].sort();
  const flags = playbooks.flatMap((one) => one.red_flags);
  const flagNames = [...new Map(flags.map((one) => [one.code, named(one.label, language)])).entries()];

  function choose(name: Filter, value: string) {
    const { [name]: _, ...rest } = filters;
    refine("cases", "", value ? { ...rest, [name]: value } : rest);
  }
  function select(name: Filter, label: string, options: [string, string][]) {
    return (
      <label key={name}>
        <span>{label}</span>
        <select class="field slim" value={filters[name] ?? ""} onChange={(event) => choose(name, event.currentTarget.value)}>
          <option value="">{t.cases.any}</option>
          {options.map(([value, text]) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </select>
      </label>
    );
  }
  return (
    <details class="filters" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <Icon name="down" />
        {t.cases.filters}
        {Object.keys(filters).length > 0 && <b class="badge calm">{Object.keys(filters).length}</b>}
      </summary>
      <div class="filter-grid" role="group" aria-label={t.cases.filters}>
        {select("status", t.cases.status, [
          ["active", t.status.active],
          ["completed", t.status.completed],
        ])}
        {select("urgency", t.cases.urgency, [...URGENCIES].reverse().map((one) => [one, t.urgency[one]]))}
        <label>
          <span>{t.cases.area}</span>
          <select class="field slim" value={filters["code"] ?? ""} onChange={(event) => choose("code", event.currentTarget.value)}>
            <option value="">{t.cases.any}</option>
            {playbooks.map((playbook) =>
              playbook.areas.map((area) => (
                <optgroup key={`${playbook.id} ${area.code}`} label={`${named(playbook.title, language)} · ${named(area.label, language)}`}>
                  <option value={area.code}>{`${named(area.label, language)} · ${t.all.toLowerCase()}`}</option>
                  {area.subareas.map((sub) => (
                    <option key={sub.code} value={sub.code}>
                      {named(sub.label, language)}
                    </option>
                  ))}
                </optgroup>
              )),
            )}
          </select>
        </label>
        {select("red_flag", t.cases.flag, flagNames)}
        {select("needs_human", t.cases.human, [
          ["true", t.yes],
          ["false", t.no],
        ])}
        {select("locale", t.cases.locale, locales.map((one) => [one, one]))}
        {select("variant", t.cases.variant, [
          ["v1", "v1"],
          ["v2", "v2"],
        ])}
        {select("since", t.cases.since, Object.entries(t.cases.sinces))}
        {Object.keys(filters).length > 0 && (
          <button type="button" class="quiet" onClick={() => refine("cases", "", {})}>
            {t.cases.clear}
          </button>
        )}
      </div>
    </details>
  );
}

function Table({ rows, filters }: { rows: CaseRow[]; filters: Record<string, string> }) {
  const t = useTexts();
  const c = t.cases.columns;
  // On a telephone rows are drawn as cards: their roles are named, or they would be no table there.
  return (
    <div class="table-wrap" tabIndex={0} role="region" aria-label={t.views.cases}>
      <table class="table cases" role="table">
        <thead role="rowgroup">
          <tr role="row">
            <th role="columnheader" scope="col">{c.opened}</th>
            <th role="columnheader" scope="col">{c.kind}</th>
            <th role="columnheader" scope="col">{c.urgency}</th>
            <th role="columnheader" scope="col">{c.signs}</th>
            <th role="columnheader" scope="col">{c.variant}</th>
            <th role="columnheader" scope="col" class="number">{c.turns}</th>
            <th role="columnheader" scope="col">{c.status}</th>
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((row) => (
            <tr role="row" key={row.case_id} data-case={row.case_id}>
              <td role="cell" class="when">
                <Moment ms={row.created_at} />
                <span class="mono faint">{row.case_id.slice(0, 8)}</span>
              </td>
              <th role="rowheader" scope="row">
                <a class="row-link" href={link("cases", row.case_id, filters)}>
                  <Kind row={row} />
                </a>
                <span class="faint">{row.locale}</span>
              </th>
              <td role="cell">
                <Urgency level={row.urgency} />
              </td>
              <td role="cell" class="signs">
                <Signs row={row} />
              </td>
              <td role="cell" class="variant">{row.variant}</td>
              <td role="cell" class="number turns">{row.turns}</td>
              <td role="cell">
                <span class={`state ${row.running ? "running" : row.status}`}>{t.status[row.status]}</span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** What kind of problem: by the result, or what is most likely so far. */
export function Kind({ row }: { row: CaseRow }) {
  const t = useTexts();
  const { names } = useKnown();
  if (row.code) return <>{names.code(row.code)}</>;
  if (row.result) return <em>{t.cases.abstained}</em>;
  const likely = row.candidates[0];
  return likely ? <em>{t.cases.probably(names.code(likely.code))}</em> : <em>{t.cases.unplaced}</em>;
}

function Signs({ row }: { row: CaseRow }) {
  const t = useTexts();
  const { names } = useKnown();
  const open = row.handoff === "requested" || row.handoff === "taken";
  return (
    <span class="tags">
      {row.red_flags.map((one) => (
        <Tag key={one} kind="flagged">
          {names.flag(one)}
        </Tag>
      ))}
      {open && row.handoff && <Tag kind="human">{t.handoffState[row.handoff]}</Tag>}
      {!open && row.needs_human && <Tag kind="human">{t.cases.needsHuman}</Tag>}
      {row.reviews !== "none" && <Tag kind={row.reviews === "disputed" ? "flagged" : "calm"}>{t.reviewState[row.reviews]}</Tag>}
      {row.rating !== null && <Tag kind="calm">{t.cases.rated(row.rating)}</Tag>}
    </span>
  );
}
