/** The client's calls as functions, for a page that needs one client and no class. */

import { TriageClient } from "./client.js";
import type {
  Analysis,
} from "./schema.js";
import type {
  SayOptions,
  StartOptions,
  TriageCase,
  TriageOptions,
  TurnEvent,
  WaitOptions,
} from "./types.js";

let shared: TriageClient | undefined;

/** Set the client up that the functions of this module use; call it before any of them. */
export function configure(options: TriageOptions): TriageClient {
  shared = new TriageClient(options);
  return shared;
}

function client(): TriageClient {
  shared ??= new TriageClient();
  return shared;
}

/** Open a case. See `TriageClient.startTriage`. */
export function startTriage(options: StartOptions = {}): Promise<TriageCase> {
  return client().startTriage(options);
}

/** Say something and follow the answer. See `TriageClient.continueConversationStream`. */
export async function* continueConversationStream(
  caseId: string,
  message: string,
  options: SayOptions = {},
): AsyncGenerator<TurnEvent> {
  yield* client().continueConversationStream(caseId, message, options);
}

/** Wait for the result. See `TriageClient.waitForResult`. */
export function waitForResult(caseId: string, options: WaitOptions = {}): Promise<Analysis> {
  return client().waitForResult(caseId, options);
}
