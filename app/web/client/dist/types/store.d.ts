/** Where tokens and messages on their way are kept. */
import type { TriageStore } from "./types.js";
/** A store that is gone with the page, for servers and for people on shared devices. */
export declare function memoryStore(): TriageStore;
