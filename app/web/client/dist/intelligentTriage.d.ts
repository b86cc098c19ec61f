/** Types of the client of Triage. */
export * from "./types/index.js";
