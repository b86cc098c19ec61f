/**
 * The client of Triage: conversations that cannot be lost, doubled or cut.
 *
 * @module
 */

export { TriageClient } from "./client.js";
export { AnalysisFailed, ConnectionLost, TriageError } from "./errors.js";
export { memoryStore } from "./store.js";
export { byVariant } from "./variants.js";
export { isTerminal, textAfter } from "./turns.js";
export { configure, continueConversationStream, startTriage, waitForResult } from "./functions.js";
export type * from "./types.js";
export type { BrowserSubscription, PushRegistration } from "./push.js";
export type {
  Analysis,
  CaseExport,
  CaseTurn,
  CaseView,
  Form,
  FormField,
  FormMistake,
  FormSection,
  FormView,
  Handoff,
  JobView,
  KnownFact,
  LinkMade,
  LinkOpened,
  Problem,
  RatingView,
  Started,
  StatusView,
  TurnSnapshot,
} from "./schema.js";
