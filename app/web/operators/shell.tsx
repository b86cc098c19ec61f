/** The frame around every view: where one can go, what waits there, and who one is. */

import { useEffect, useMemo, useRef } from "preact/hooks";

import type { Figures, PlaybookList, ReviewQueue } from "../client/src/schema.ts";
import { Icon, type IconName } from "../common/icons.tsx";
import { useStore } from "../common/store.ts";
import { read } from "./api.ts";
import { Failure, Loading, Names } from "./bits.tsx";
import { CasesView } from "./cases.tsx";
import { ExperimentsView } from "./experiments.tsx";
import { FlagsView } from "./flags.tsx";
import { HandoffsView } from "./handoffs.tsx";
import { JobsView } from "./jobs.tsx";
import { KnownContext } from "./known.ts";
import { Languages } from "./languages.tsx";
import { useLoaded } from "./loading.ts";
import { ReviewsView } from "./reviews.tsx";
import { type Route, type View, VIEWS, link, useRoute } from "./route.ts";
import { session, signOut } from "./session.ts";
import { SpendView } from "./spend.tsx";
import { useTexts } from "./texts.ts";

const ICONS: Record<View, IconName> = {
  cases: "talk",
  reviews: "check",
  handoffs: "person",
  jobs: "clock",
  spend: "more",
  experiments: "info",
  flags: "flag",
};
const BADGES_MS = 5_000;

export function Shell() {
  const t = useTexts();
  const { name, language } = useStore(session);
  const route = useRoute();
  const playbooks = useLoaded((signal) => read<PlaybookList>("/operator/playbooks", {}, signal), "playbooks");
  const figures = useLoaded((signal) => read<Figures>("/operator/figures", {}, signal), "figures", BADGES_MS);
  const reviews = useLoaded(
    (signal) => read<ReviewQueue>("/operator/reviews", { needs: "settling", limit: 1 }, signal),
    "reviews",
    BADGES_MS,
  );
  const known = useMemo(
    () => ({
      playbooks: playbooks.value?.playbooks ?? [],
      names: new Names(playbooks.value?.playbooks ?? [], language),
    }),
    [playbooks.value, language],
  );
  const badges: Partial<Record<View, number>> = {
    handoffs: figures.value?.handoffs ?? 0,
    jobs: figures.value?.dead["job"] ?? 0,
    reviews: reviews.value?.waiting.settling ?? 0,
  };
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  useEffect(() => {
    // Whoever goes elsewhere with a keyboard or a screen reader begins at the top of the new view.
    if (first.current) first.current = false;
    else main.current?.focus();
  }, [route.view]);

  return (
    <KnownContext.Provider value={known}>
      <a
        class="skip"
        href="#content"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        {t.skip}
      </a>
      <div class="shell">
        <header class="side">
          <div class="brand">
            <img src="operators/icon.svg" alt="" width="30" height="30" />
            <p>
              <strong>{t.title}</strong>
              <span>{t.subtitle}</span>
            </p>
          </div>
          <nav aria-label={t.navigation}>
            <ul>
              {VIEWS.map((view) => (
                <li key={view}>
                  <a href={link(view)} aria-current={route.view === view ? "page" : undefined}>
                    <Icon name={ICONS[view]} />
                    <span>{t.views[view]}</span>
                    {badges[view] ? <b class="badge">{badges[view]}</b> : null}
                  </a>
                </li>
              ))}
            </ul>
          </nav>
          <div class="who">
            <p>
              <Icon name="person" />
              <span>{name}</span>
            </p>
            <Languages />
            <button type="button" class="quiet" onClick={() => signOut()}>
              {t.signOut}
            </button>
          </div>
        </header>
        <main id="content" tabIndex={-1} ref={main}>
          {playbooks.error && !playbooks.value ? (
            <Failure error={playbooks.error} onRetry={playbooks.reload} />
          ) : playbooks.value ? (
            <Current route={route} />
          ) : (
            <Loading />
          )}
        </main>
      </div>
    </KnownContext.Provider>
  );
}

function Current({ route }: { route: Route }) {
  switch (route.view) {
    case "cases":
      return <CasesView route={route} />;
    case "reviews":
      return <ReviewsView route={route} />;
    case "handoffs":
      return <HandoffsView route={route} />;
    case "jobs":
      return <JobsView route={route} />;
    case "spend":
      return <SpendView />;
    case "experiments":
      return <ExperimentsView route={route} />;
    case "flags":
      return <FlagsView />;
  }
}
