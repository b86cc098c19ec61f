/** Everything that is known of a case: what was understood, the result, how it came about, opinions. */

import type { ComponentChildren } from "preact";

import type { Analysis, CaseCosts, OperatorCase, OpinionsView, ReviewView } from "../client/src/schema.ts";
import { useStore } from "../common/store.ts";
import { readable } from "../common/language.ts";
import { read } from "./api.ts";
import { Lines, Moment, Pair, Pairs, Tag, Urgency, count, span, usd } from "./bits.tsx";
import { JobState } from "./jobs.tsx";
import { useKnown } from "./known.ts";
import { useLoaded } from "./loading.ts";
import { session } from "./session.ts";
import { useTexts } from "./texts.ts";

export function Outcome({ opened, opinions = true }: { opened: OperatorCase; opinions?: boolean }) {
  const { analysis, status } = opened;
  return (
    <div class="outcome">
      <Result opened={opened} />
      <Understood opened={opened} />
      {status.job && <Job opened={opened} />}
      {analysis && <Made analysis={analysis} id={status.case_id} version={status.updated_at} />}
      {opinions && <Opinions id={status.case_id} version={status.updated_at} />}
      <AboutCase opened={opened} />
    </div>
  );
}

function Card({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="card">
      <h2>{title}</h2>
      {children}
    </section>
  );
}

function Result({ opened }: { opened: OperatorCase }) {
  const t = useTexts();
  const c = t.caseView;
  const { names } = useKnown();
  const { language } = useStore(session);
  const { analysis, status } = opened;
  if (!analysis) {
    return (
      <Card title={c.result}>
        <p class="faint">{c.noResult}</p>
        {status.candidates.length > 0 && <Candidates of={status.candidates} label={c.candidates} />}
      </Card>
    );
  }
  const { classification, urgency } = analysis;
  return (
    <Card title={c.result}>
      <p class="verdict">
        <strong>{classification.code ? names.code(classification.code) : t.cases.abstained}</strong>
        {classification.code && <span class="mono faint">{classification.code}</span>}
      </p>
      <Candidates of={classification.top} label={c.calibrated} />
      <Pairs>
        <Pair label={t.cases.urgency}>
          <Urgency level={urgency.level} />
        </Pair>
        {urgency.reason && <Pair label={c.urgencyReason}>{urgency.reason}</Pair>}
        {urgency.deadline && <Pair label={c.deadline}>{urgency.deadline}</Pair>}
        <Pair label={c.complexity}>{t.level[analysis.complexity]}</Pair>
        <Pair label={t.cases.human}>{analysis.needs_human ? t.yes : t.no}</Pair>
      </Pairs>
      {urgency.immediate_actions.length > 0 && (
        <Fold title={c.actions} open>
          <Lines of={urgency.immediate_actions} />
        </Fold>
      )}
      {analysis.summary.professional && (
        <Fold title={c.summary} open>
          <p class="words">{analysis.summary.professional}</p>
        </Fold>
      )}
      {analysis.summary.plain && (
        <Fold title={c.plain}>
          <p class="words">{analysis.summary.plain}</p>
        </Fold>
      )}
      {analysis.next_steps.length > 0 && (
        <Fold title={c.next}>
          <Lines of={analysis.next_steps} />
        </Fold>
      )}
      {analysis.chronology.length > 0 && (
        <Fold title={c.chronology}>
          <Pairs>
            {analysis.chronology.map((one, at) => (
              <Pair key={at} label={readable(one.when, language)}>
                {one.what} <TurnLink turn={one.turn} />
              </Pair>
            ))}
          </Pairs>
        </Fold>
      )}
      {analysis.parties.length > 0 && (
        <Fold title={c.parties}>
          <Pairs>
            {analysis.parties.map((one, at) => (
              <Pair key={at} label={one.role}>
                {one.name}
              </Pair>
            ))}
          </Pairs>
        </Fold>
      )}
      {analysis.documents.mentioned.length + analysis.documents.needed.length > 0 && (
        <Fold title={c.documents}>
          <Pairs>
            {analysis.documents.mentioned.length > 0 && (
              <Pair label={c.mentioned}>
                <Lines of={analysis.documents.mentioned} />
              </Pair>
            )}
            {analysis.documents.needed.length > 0 && (
              <Pair label={c.needed}>
                <Lines of={analysis.documents.needed} />
              </Pair>
            )}
          </Pairs>
        </Fold>
      )}
      {(analysis.viability.level !== "unknown" || analysis.viability.rationale) && (
        <Fold title={c.viability}>
          <p>
            <Tag kind="calm">{t.viability[analysis.viability.level]}</Tag> {analysis.viability.rationale}
          </p>
          <Pairs>
            {analysis.viability.strengths.length > 0 && (
              <Pair label={c.strengths}>
                <Lines of={analysis.viability.strengths} />
              </Pair>
            )}
            {analysis.viability.weaknesses.length > 0 && (
              <Pair label={c.weaknesses}>
                <Lines of={analysis.viability.weaknesses} />
              </Pair>
            )}
          </Pairs>
        </Fold>
      )}
      {analysis.warnings.length > 0 && (
        <Fold title={c.warnings}>
          <Lines of={analysis.warnings} />
        </Fold>
      )}
    </Card>
  );
}

function Fold({ title, open = false, children }: { title: string; open?: boolean; children: ComponentChildren }) {
  return (
    <details class="fold" open={open}>
      <summary>{title}</summary>
      {children}
    </details>
  );
}

function Candidates({ of, label }: { of: readonly { code: string; confidence: number }[]; label: string }) {
  const { names } = useKnown();
  const { language } = useStore(session);
  return (
    <ol class="candidates" aria-label={label}>
      {of.slice(0, 3).map((one) => (
        <li key={one.code}>
          <span>{names.code(one.code)}</span>
          <b>{one.confidence.toLocaleString(language, { style: "percent" })}</b>
          <meter min={0} max={1} value={one.confidence} aria-label={names.code(one.code)} />
        </li>
      ))}
    </ol>
  );
}

function TurnLink({ turn }: { turn: number }) {
  const t = useTexts();
  return (
    <button
      type="button"
      class="quiet turn-link"
      onClick={() => document.getElementById(`turn-${turn}`)?.scrollIntoView({ block: "center", behavior: "smooth" })}
    >
      {t.caseView.fromTurn(turn)}
    </button>
  );
}

function Understood({ opened }: { opened: OperatorCase }) {
  const t = useTexts();
  const c = t.caseView;
  const { names, playbooks } = useKnown();
  const { language } = useStore(session);
  const { status } = opened;
  const slots = playbooks.find((one) => one.id === status.playbook)?.slots ?? {};
  const slotName = (name: string) => {
    const labels = slots[name];
    const own = labels && Object.entries(labels).find(([locale]) => locale.split("-")[0] === language.split("-")[0]);
    return own?.[1] ?? name;
  };
  return (
    <Card title={c.facts}>
      {status.facts.length === 0 ? (
        <p class="faint">{c.noFacts}</p>
      ) : (
        <Pairs>
          {status.facts.map((fact) => (
            <Pair key={fact.slot} label={slotName(fact.slot)}>
              {readable(fact.value, language)}
              <small class="source">
                {c.source[fact.source]} · <TurnLink turn={fact.turn} />
              </small>
            </Pair>
          ))}
        </Pairs>
      )}
      {status.missing.length > 0 && (
        <p class="faint">
          {c.missing}: {status.missing.map(slotName).join(", ")}
        </p>
      )}
      <h3>{c.flags}</h3>
      {status.red_flags.length === 0 ? (
        <p class="faint">{c.noFlags}</p>
      ) : (
        <p class="tags">
          {status.red_flags.map((one) => (
            <Tag key={one} kind="flagged">
              {names.flag(one)}
            </Tag>
          ))}
        </p>
      )}
    </Card>
  );
}

function Job({ opened }: { opened: OperatorCase }) {
  const t = useTexts();
  const job = opened.status.job;
  if (!job) return null;
  return (
    <Card title={t.caseView.job}>
      <Pairs>
        <Pair label={t.jobs.columns.state}>
          <JobState state={job.state} />
        </Pair>
        <Pair label={t.jobs.columns.queue}>{job.queue}</Pair>
        <Pair label={t.jobs.columns.attempts}>{job.attempts}</Pair>
        {(job.steps?.length ?? 0) > 0 && <Pair label={t.caseView.steps}>{job.steps?.join(" → ")}</Pair>}
        {job.error && <Pair label={t.jobs.columns.error}>{job.error}</Pair>}
      </Pairs>
    </Card>
  );
}

function Made({ analysis, id, version }: { analysis: Analysis; id: string; version: number }) {
  const t = useTexts();
  const c = t.caseView;
  const { language } = useStore(session);
  const costs = useLoaded((signal) => read<CaseCosts>(`/operator/costs/${id}`, {}, signal), `${id} ${version}`);
  const p = analysis.provenance;
  return (
    <Card title={c.how}>
      <Pairs>
        <Pair label={c.strategy}>
          {p.strategy}
          {p.planned !== p.strategy && <small class="source">{c.planned(p.planned)}</small>}
        </Pair>
        {p.models.length > 0 && <Pair label={c.models}>{p.models.join(", ")}</Pair>}
        <Pair label={c.cost}>
          {costs.value ? usd(costs.value.cost_nano_usd, language) : p.cost_nano_usd === null ? t.unknown : usd(p.cost_nano_usd, language)}
        </Pair>
        <Pair label={c.took_}>{span(p.duration_ms, language)}</Pair>
        {p.prompt && <Pair label={c.prompt}>{p.prompt}</Pair>}
        {p.degradations.length > 0 && (
          <Pair label={c.degradations}>
            <Lines of={p.degradations} />
          </Pair>
        )}
        {(p.differences?.length ?? 0) > 0 && (
          <Pair label={c.differences}>
            <Lines of={p.differences ?? []} />
          </Pair>
        )}
        {p.justification && <Pair label={c.justification}>{p.justification}</Pair>}
      </Pairs>
      {p.cached && <p class="faint">{c.cachedResult}</p>}
      {costs.value && (
        <details class="fold">
          <summary>{`${c.calls} (${count(costs.value.rows.length, language)})`}</summary>
          {costs.value.rows.length === 0 ? (
            <p class="faint">{c.callsNone}</p>
          ) : (
            <ul class="calls">
              {costs.value.rows.map((row) => (
                <li key={row.id}>
                  <b>{row.step || row.operation}</b> {row.answered_by ?? row.model}
                  <small class="source">
                    {row.outcome} · {row.cost_nano_usd === null ? t.unknown : usd(row.cost_nano_usd, language)} ·{" "}
                    {span(row.latency_ms, language)}
                  </small>
                </li>
              ))}
            </ul>
          )}
        </details>
      )}
    </Card>
  );
}

function Opinions({ id, version }: { id: string; version: number }) {
  const t = useTexts();
  const c = t.caseView;
  const { name } = useStore(session);
  const said = useLoaded(
    (signal) => read<OpinionsView>(`/operator/cases/${id}/reviews`, { reviewer: name }, signal),
    `${id} ${version}`,
    10_000,
  );
  if (!said.value) return null;
  const { rating, reviews, settled, hidden } = said.value;
  return (
    <Card title={c.reviews}>
      {settled && <Review review={settled} settled />}
      {reviews.map((one) => (
        <Review key={one.reviewer} review={one} />
      ))}
      {hidden > 0 && <p class="faint">{c.hidden}</p>}
      {reviews.length + hidden === 0 && !settled && <p class="faint">{c.notReviewed}</p>}
      <h3>{c.rating}</h3>
      {rating ? (
        <blockquote class="rated">
          <b>{rating.score}</b>
          <span> / 10</span>
          {rating.comment && <p class="words">{rating.comment}</p>}
        </blockquote>
      ) : (
        <p class="faint">{c.notRated}</p>
      )}
    </Card>
  );
}

export function Review({ review, settled = false }: { review: ReviewView; settled?: boolean }) {
  const t = useTexts();
  const { names } = useKnown();
  return (
    <div class={settled ? "review settled" : "review"}>
      <p class="review-who">
        {t.reviews.says(review.reviewer)}
        {settled && <Tag kind="calm">{t.reviewState.settled}</Tag>}
      </p>
      <p>
        <strong>{review.code === null ? t.reviews.outOfScope : names.code(review.code)}</strong>{" "}
        {review.correct && <span class="faint">{t.reviews.sameAsAi}</span>}
      </p>
      <p>{review.urgency === null ? <span class="faint">{t.reviews.noUrgency}</span> : <Urgency level={review.urgency} />}</p>
      {review.note && <p class="words">{review.note}</p>}
    </div>
  );
}

function AboutCase({ opened }: { opened: OperatorCase }) {
  const t = useTexts();
  const { status, user_ref, attributes } = opened;
  return (
    <Card title={t.caseView.about}>
      <Pairs>
        <Pair label="id">
          <span class="mono">{status.case_id}</span>
        </Pair>
        <Pair label={t.cases.columns.opened}>
          <Moment ms={status.created_at} seconds />
        </Pair>
        <Pair label={t.updated}>
          <Moment ms={status.updated_at} seconds />
        </Pair>
        <Pair label="Playbook">{status.playbook}</Pair>
        <Pair label={t.cases.locale}>{status.locale}</Pair>
        <Pair label={t.cases.variant}>{status.variant}</Pair>
        {user_ref && <Pair label={t.caseView.reference}>{user_ref}</Pair>}
        {Object.entries(attributes).map(([key, value]) => (
          <Pair key={key} label={key}>
            {value}
          </Pair>
        ))}
      </Pairs>
    </Card>
  );
}
