/** Waiting for a result: woken by the case's events, and looking again by itself. */
import type { TriageClient } from "./client.js";
import type { Analysis, StatusView } from "./schema.js";
import { type Reply } from "./transport.js";
import type { WaitOptions } from "./types.js";
/** Return a case's result once there is one. */
export declare function resultOf(client: TriageClient, look: (signal?: AbortSignal) => Promise<Reply<StatusView>>, caseId: string, options: WaitOptions): Promise<Analysis>;
