/** Routing by variant: which of two interfaces a person meets. */

import type { ConversationCase, FormCase, TriageCase } from "./types.js";

/**
 * Call the branch of a case's variant. TypeScript asks for both, and knows in each what the case has.
 *
 * @example
 * byVariant(opened, {
 *   v1: (one) => showForm(one.form),
 *   v2: (one) => showConversation(one.message),
 * });
 */
export function byVariant<T>(
  opened: TriageCase,
  branches: { v1: (opened: FormCase) => T; v2: (opened: ConversationCase) => T },
): T {
  return opened.variant === "v1" ? branches.v1(opened) : branches.v2(opened);
}
