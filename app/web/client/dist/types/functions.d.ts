/** The client's calls as functions, for a page that needs one client and no class. */
import { TriageClient } from "./client.js";
import type { Analysis } from "./schema.js";
import type { SayOptions, StartOptions, TriageCase, TriageOptions, TurnEvent, WaitOptions } from "./types.js";
/** Set the client up that the functions of this module use; call it before any of them. */
export declare function configure(options: TriageOptions): TriageClient;
/** Open a case. See `TriageClient.startTriage`. */
export declare function startTriage(options?: StartOptions): Promise<TriageCase>;
/** Say something and follow the answer. See `TriageClient.continueConversationStream`. */
export declare function continueConversationStream(caseId: string, message: string, options?: SayOptions): AsyncGenerator<TurnEvent>;
/** Wait for the result. See `TriageClient.waitForResult`. */
export declare function waitForResult(caseId: string, options?: WaitOptions): Promise<Analysis>;
