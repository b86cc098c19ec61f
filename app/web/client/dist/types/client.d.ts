/** The client: every call of the API that a frontend for people needs. */
import { type PushRegistration } from "./push.js";
import type { Analysis, CaseExport, CaseView, FormView, LinkMade, LinkOpened, RatingView, StatusView, TurnSnapshot } from "./schema.js";
import { type Call } from "./transport.js";
import type { Answer, CallOptions, CaseEvent, CommandOptions, FormAnswers, PendingTurn, ResumeOptions, SayOptions, StartOptions, TriageCase, TriageOptions, TurnEvent, WaitOptions } from "./types.js";
/**
 * Talks to one installation of Triage, in browsers and Node 20.
 *
 * Every call is tried again while that makes sense, with the same idempotency key, so that nothing is
 * done twice. A refusal throws `TriageError`; a server that stays away throws `ConnectionLost`.
 *
 * @example
 * const client = new TriageClient({ baseUrl: "https://triage.example.org", store: localStorage });
 * const opened = await client.startTriage({ locale: "en" });
 * for await (const event of client.continueConversationStream(opened.case_id, "I was dismissed.")) {
 *   if (event.type === "delta") append(event.t);
 * }
 */
export declare class TriageClient {
    private readonly transport;
    private readonly shelf;
    private readonly silenceMs;
    private readonly credential;
    private readonly tell;
    /** Keys of messages that this client is sending right now. */
    private readonly sending;
    constructor(options?: TriageOptions);
    /** Open a case. Its token goes into the store; use `byVariant` to choose what to show. */
    startTriage(options?: StartOptions): Promise<TriageCase>;
    /** Use a case whose token you kept yourself. */
    adoptCase(caseId: string, caseToken: string): Promise<void>;
    /** Read the whole conversation, to draw it anew. */
    getCase(caseId: string, options?: CallOptions): Promise<CaseView>;
    /** Read how the case stands: what a frontend needs that polls. */
    getStatus(caseId: string, options?: CallOptions): Promise<StatusView>;
    /** Follow the case's own life, in order and each event once, until the signal fires. */
    caseEvents(caseId: string, options?: ResumeOptions): AsyncGenerator<CaseEvent>;
    /** Correct something that was understood; an empty value removes it. */
    correctFact(caseId: string, slot: string, value: string, options?: CommandOptions): Promise<Answer>;
    /** End the interview with what is known. */
    forceComplete(caseId: string, options?: CommandOptions & {
        reason?: string;
    }): Promise<Answer>;
    /** Ask for a human. */
    askForHuman(caseId: string, options?: CommandOptions & {
        reason?: string;
    }): Promise<Answer>;
    /** Rate the service from 0 to 10. The latest rating counts. */
    rate(caseId: string, score: number, options?: CallOptions & {
        comment?: string;
    }): Promise<RatingView>;
    /** Read everything that is held about the case. */
    exportCase(caseId: string, options?: CallOptions): Promise<CaseExport>;
    /** Erase everything that is held about the case. There is no way back. */
    deleteCase(caseId: string, options?: CallOptions): Promise<void>;
    /** Forget the case here: its token, and what was being sent. The server keeps it. */
    forgetCase(caseId: string): Promise<void>;
    /**
     * Say something and yield what happens until the turn is over, whatever the network does: a broken
     * stream is resumed behind the last event, and where no stream comes through at all, the answer is
     * fetched without one.
     *
     * The message is kept in the store, under its idempotency key, until the turn is over or refused.
     * After a reload, `pendingTurns` and `resumePending` go on with it; said again before it was known
     * to be accepted, it is the same turn.
     */
    continueConversationStream(caseId: string, message: string, options?: SayOptions): AsyncGenerator<TurnEvent>;
    /** The same without a stream: wait for the whole answer. */
    continueConversation(caseId: string, message: string, options?: SayOptions): Promise<Answer>;
    /** Messages whose end was not seen: what a page sends again after a reload. */
    pendingTurns(caseId: string): Promise<PendingTurn[]>;
    /** Go on with a message whose end was not seen. It is the same turn, from its first event. */
    resumePending(caseId: string, pending: PendingTurn, options?: CallOptions): AsyncGenerator<TurnEvent>;
    /** Follow a turn that was accepted, from a place on, at any instance. */
    resumeTurn(caseId: string, turn: number, options?: ResumeOptions): AsyncGenerator<TurnEvent>;
    /** Look at a turn as it stands. */
    getTurn(caseId: string, turn: number, options?: CallOptions): Promise<TurnSnapshot>;
    /** Stop a turn, wherever it is made; what was said so far is kept. May be repeated. */
    cancelTurn(caseId: string, turn: number, options?: CallOptions): Promise<TurnSnapshot>;
    /** Read the case's form, and what was answered. */
    getForm(caseId: string, options?: CallOptions): Promise<FormView>;
    /**
     * Say that the person begins to fill in the form. Call it once, at the first input, and do not wait
     * for it: from here on experiments count them.
     */
    beginForm(caseId: string, options?: CommandOptions): Promise<void>;
    /** Submit the form. A refusal is a `TriageError` whose `errors` say what is wrong where. */
    submitForm(caseId: string, answers: FormAnswers, options?: CommandOptions): Promise<Answer>;
    /** Read the result; 409 `result-not-ready` while there is none. */
    getResult(caseId: string, options?: CallOptions): Promise<Analysis>;
    /**
     * Wait for the result: told by the case's events where they come through, and by polling after 1,
     * 2, then 5 seconds, or as long as the server asks, where they do not.
     *
     * Throws `AnalysisFailed` where the analysis was given up: a person of the organisation looks at
     * the case.
     */
    waitForResult(caseId: string, options?: WaitOptions): Promise<Analysis>;
    /** Make a code that opens the case on another device, once, within ten minutes. */
    makeLink(caseId: string, options?: CallOptions): Promise<LinkMade>;
    /** Open the case of a code. Its token goes into the store. */
    openLink(code: string, options?: CallOptions): Promise<LinkOpened>;
    /**
     * Have this browser told of the case by Web Push, also while the page is closed. Ask for it in a
     * click: browsers want to be asked there. Returns the subscription's name; throws
     * `TriageError` of kind `push-off` where the installation has no Web Push.
     */
    subscribePush(caseId: string, registration: PushRegistration, options?: CallOptions): Promise<string>;
    /** Have a browser told no more: the named one, or every one of the case. */
    unsubscribePush(caseId: string, name?: string, options?: CallOptions): Promise<void>;
    /** Any other call of the API, with the same patience: `path` stands behind `/api/v2/triage`. */
    request<T>(method: Call["method"], path: string, options?: CommandOptions & {
        body?: unknown;
        caseId?: string;
    }): Promise<T>;
    private of;
    private statusReply;
    private command;
    private plan;
    private said;
    private settling;
    /** A new message with a key of its own; or one that was begun before and never accepted for all
     * that is known: said again it is the same turn, whether or not it had arrived. */
    private pendingFor;
    /** Pass a turn's events on, and tell the frontend's analytics of them. */
    private observed;
    private ended;
    private tokenOf;
    /** Tell the frontend's analytics. Their mistakes are theirs: a conversation goes on. */
    private told;
}
