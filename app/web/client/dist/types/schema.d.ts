export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * Analysis
         * @description A result. The tag carries the schema version.
         */
        Analysis: {
            /** @description In the order told. */
            chronology: components["schemas"]["ChronologyEntry"][];
            classification: components["schemas"]["Classification"];
            /**
             * @description As assessed.
             * @enum {unknown}
             */
            complexity: "high" | "low" | "medium";
            /** @description Unix time in milliseconds. */
            created_at: number;
            documents: components["schemas"]["Documents"];
            /** @description What is known, with its source. */
            facts: components["schemas"]["Fact"][];
            /** @description General nature of the matter. */
            nature: string | null;
            /** @description A person should look at this case. */
            needs_human: boolean;
            /** @description What to do next, in order. */
            next_steps: string[];
            /** @description Who is involved. */
            parties: components["schemas"]["Party"][];
            provenance: components["schemas"]["Provenance"];
            /** @description Codes of the red flags raised. */
            red_flags: string[];
            /** @description What the person wants. */
            requests: string[];
            /**
             * @description Kind and version of this document.
             * @enum {unknown}
             */
            schema: "analysis/1";
            summary: components["schemas"]["Summary"];
            urgency: components["schemas"]["Urgency"];
            viability: components["schemas"]["Viability"];
            /** @description What to beware of. */
            warnings: string[];
        };
        /**
         * AnalysisCompleted
         * @description The result is there.
         */
        AnalysisCompleted: {
            /** @description The class; null where none was certain. */
            code: string | null;
            /**
             * @description The job that made it; absent where the turn itself did.
             * @default null
             */
            job?: string | null;
            /** @description Whether a human should look at the case. */
            needs_human: boolean;
            /** @description Number of the turn. */
            turn: number;
            /**
             * @description Kind and version of this document. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "analysis.completed";
            /** @description The level of urgency. */
            urgency: string;
        };
        /**
         * AnalysisFailed
         * @description A background analysis was given up or cancelled; a person has to look at the case.
         */
        AnalysisFailed: {
            /**
             * @description Why.
             * @enum {unknown}
             */
            code: "cancelled" | "gave_up";
            /** @description The background job. */
            job: string;
            /** @description A sentence fit to show. */
            message: string;
            /** @description Whether trying again makes sense. */
            retryable: boolean;
            /** @description Number of the turn. */
            turn: number;
            /**
             * @description Kind and version of this document. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "analysis.failed";
        };
        /**
         * AnalysisProgress
         * @description A step of a background analysis is done.
         */
        AnalysisProgress: {
            /** @description Steps done so far. */
            done: number;
            /** @description The background job. */
            job: string;
            /** @description Steps expected; it can shrink, where one turns out not to be needed. */
            of: number;
            /** @description The step. */
            step: string;
            /** @description Number of the turn. */
            turn: number;
            /**
             * @description Kind and version of this document. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "analysis.progress";
        };
        /**
         * AnalysisQueued
         * @description The interview is over and its analysis goes on in the background; one may leave.
         */
        AnalysisQueued: {
            /** @description Jobs of the same queue that are not over yet. */
            ahead: number;
            /**
             * @description How long it will take; absent where too little was measured or no worker serves the queue.
             * @default null
             */
            estimate?: components["schemas"]["Estimate"] | null;
            /** @description The background job. */
            job: string;
            /**
             * @description The queue it waits in.
             * @enum {unknown}
             */
            queue: "complex" | "simple" | "standard";
            /** @description Number of the turn. */
            turn: number;
            /**
             * @description Kind and version of this document. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "analysis.queued";
        };
        /**
         * AreaView
         * @description An area of a taxonomy.
         */
        AreaView: {
            /** @description Its code. */
            code: string;
            /** @description What people call it, by locale. */
            label: {
                [key: string]: string;
            };
            /** @description In the playbook's order. */
            subareas: components["schemas"]["CodeView"][];
        };
        /**
         * ArmVerdict
         * @description What to do with a treatment, and why.
         */
        ArmVerdict: {
            /**
             * @description About how long still, where it goes on; null if unknown.
             * @default null
             */
            days_left?: number | null;
            /**
             * @description What to do.
             * @enum {unknown}
             */
            decision: "invalid" | "keep running" | "roll back" | "ship" | "stop, no effect";
            /** @description Why, in whole words. */
            reasons: string[];
        };
        /**
         * AuditBreak
         * @description Where the chain does not hold.
         */
        AuditBreak: {
            /**
             * @description What seems to have been done.
             * @enum {unknown}
             */
            kind: "changed" | "inserted" | "removed" | "truncated";
            /** @description The first entry that is not as it was written. */
            n: number;
            /** @description The same, in words. */
            reason: string;
        };
        /**
         * AuditList
         * @description Some entries.
         */
        AuditList: {
            /** @description Names the next page; null where there is none. A page may be short. */
            cursor: string | null;
            /** @description The latest first. */
            entries: components["schemas"]["AuditRow"][];
        };
        /**
         * AuditRow
         * @description One act. It says nothing in anybody's words, and names nobody.
         */
        AuditRow: {
            /**
             * @description What was done.
             * @example case.read
             */
            action: string;
            /**
             * @description `key:` with an API key's id, `case token`, `link`, `terminal`, `worker` or `system`.
             * @example key:0123456789ab
             */
            actor: string;
            /** @description When: Unix time in milliseconds. */
            at: number;
            /** @description Its number; none is left out. */
            n: number;
            /**
             * @description To what; of a case, a digest that only its id leads to. May be empty.
             * @example case:0f8e7d6c5b4a39281706f5e4d3c2b1a0
             */
            object: string;
            /** @description With `failed`: the number of that entry. */
            of: number | null;
            /**
             * @description `allowed`: written before the act. `failed`: the act of the entry `of` did not happen. `done`: written after it.
             * @enum {unknown}
             */
            outcome: "allowed" | "done" | "failed";
        };
        /**
         * AuditVerdict
         * @description Whether the whole chain holds.
         */
        AuditVerdict: {
            /** @description The last entry that was trimmed; number 0 where none was. */
            after: string;
            /** @description Where it does not hold, if anywhere. */
            broken: components["schemas"]["AuditBreak"] | null;
            /** @description How many entries hold, from the oldest on. */
            entries: number;
            /** @description The last entry that holds. Note it down elsewhere, to check it later. */
            head: string;
            /** @description Every entry that is left is as it was written. */
            holds: boolean;
        };
        /**
         * Budget
         * @description How much may be spent in one scope in each period.
         */
        Budget: {
            /** @description In each period, in nano-USD. */
            limit_nano_usd: number;
            /**
             * @description By the calendar in UTC.
             * @enum {unknown}
             */
            period: "day" | "hour" | "month";
            /** @description What it is for. */
            scope: components["schemas"]["Scope"];
            /**
             * @description Kind and version of this document.
             * @enum {unknown}
             */
            type: "budget/1";
        };
        /**
         * BudgetLimit
         * @description How much may be spent in each period.
         */
        BudgetLimit: {
            /**
             * @description USD, with up to nine decimals.
             * @example 25.00
             */
            limit_usd: string;
        };
        /**
         * BudgetList
         * @description Every budget.
         */
        BudgetList: {
            /** @description By scope, then period. */
            budgets: components["schemas"]["BudgetView"][];
        };
        /**
         * BudgetState
         * @description A budget as it stands.
         */
        BudgetState: {
            /** @description How much may be spent. */
            budget: components["schemas"]["Budget"];
            /** @description When the period ends: Unix time in milliseconds. */
            ends_ms: number;
            /** @description For calls that are under way in the scope. */
            reserved_nano_usd: number;
            /** @description In the period that runs, by when calls were completed. */
            spent_nano_usd: number;
        };
        /**
         * BudgetView
         * @description A budget as it stands.
         */
        BudgetView: {
            /** @description When the period ends: Unix time in milliseconds. */
            ends_at: number;
            /** @description The same in nano-USD: a thousand-millionth each. */
            left_nano_usd: number;
            /**
             * @description What may still be set aside for calls.
             * @example 25.00
             */
            left_usd: string;
            /** @description The same in nano-USD: a thousand-millionth each. */
            limit_nano_usd: number;
            /**
             * @description USD, exact to the nano-dollar.
             * @example 25.00
             */
            limit_usd: string;
            /**
             * @description By the calendar in UTC.
             * @enum {unknown}
             */
            period: "day" | "hour" | "month";
            /** @description The same in nano-USD: a thousand-millionth each. */
            reserved_nano_usd: number;
            /**
             * @description Set aside for calls that are under way.
             * @example 25.00
             */
            reserved_usd: string;
            /**
             * @description `global`, `operation:…` or `arm:…`.
             * @example operation:analysis
             */
            scope: string;
            /** @description The same in nano-USD: a thousand-millionth each. */
            spent_nano_usd: number;
            /**
             * @description USD, exact to the nano-dollar.
             * @example 25.00
             */
            spent_usd: string;
        };
        /**
         * CallRow
         * @description One attempt at a model, or one that a kept analysis spared.
         */
        CallRow: {
            /** @description The model that says it answered. */
            answered_by: string | null;
            /** @description `experiment:variation`; empty outside experiments. */
            arm: string;
            /** @description Of those, written to it. */
            cache_write_tokens: number;
            /** @description Of those, read from the provider's cache. */
            cached_tokens: number;
            /** @description Whose prices they are, and of which version. */
            catalogue: string;
            /** @description Unix time in milliseconds. */
            completed_at: number;
            /** @description Null where the price is not known. */
            cost_nano_usd: number | null;
            /** @description How it failed, in a short closed word. */
            error: string | null;
            /** @description From the request to the words. */
            first_token_ms: number | null;
            /** @description The row's id; nothing is counted twice under one. */
            id: string;
            /** @description Read, cached and written ones included. */
            input_tokens: number;
            /** @description From the request to the end. */
            latency_ms: number;
            /** @description The model asked for. */
            model: string;
            /**
             * @description What it was for.
             * @enum {unknown}
             */
            operation: "analysis" | "complexity" | "interview" | "judge" | "report";
            /**
             * @description `cached`: nobody was asked, a kept analysis served; `lost`: the process died during the call.
             * @enum {unknown}
             */
            outcome: "cached" | "cancelled" | "completed" | "cut" | "failed" | "invalid" | "lost" | "refused";
            /** @description Written, reasoning included. */
            output_tokens: number;
            /**
             * @description Prices that were applied, in nano-USD for a million tokens.
             * @example {
             *       "input": 1250000000,
             *       "output": 10000000000
             *     }
             */
            prices: {
                [key: string]: number;
            };
            /**
             * @description Who is paid.
             * @enum {unknown}
             */
            provider: "anthropic" | "openai";
            /** @description Of those, reasoning. */
            reasoning_tokens: number;
            /** @description The provider's name for the request. */
            request_id: string | null;
            /** @description What a spared call had cost when it was made. */
            saved_nano_usd: number | null;
            /**
             * @description Where the cost comes from: the provider's own word, the catalogue, an estimate of the usage, nowhere (`unpriced`), or nothing was used (`free`).
             * @enum {unknown}
             */
            source: "catalogue" | "estimated" | "free" | "provider" | "unpriced";
            /** @description Unix time in milliseconds. */
            started_at: number;
            /** @description The provider's HTTP status. */
            status: number | null;
            /** @description The step of the analysis; empty in the interview. */
            step: string;
            /** @description How the result was to be made; else empty. */
            strategy: string;
            /**
             * @description The provider's service tier.
             * @enum {unknown}
             */
            tier: "batch" | "flex" | "other" | "priority" | "standard";
            /** @description The turn that it was made for. */
            turn: number;
        };
        /**
         * Candidate
         * @description A possible classification.
         */
        Candidate: {
            /** @description A code of the playbook's closed taxonomy. */
            code: string;
            /** @description Calibrated probability, 0 to 1. */
            confidence: number;
        };
        /**
         * CaseCosts
         * @description What a case has cost, call by call.
         */
        CaseCosts: {
            /** @description The same in nano-USD: a thousand-millionth each. */
            cost_nano_usd: number;
            /**
             * @description USD, exact to the nano-dollar.
             * @example 25.00
             */
            cost_usd: string;
            /** @description The ledger's rows of the latest eight days, in order. */
            rows: components["schemas"]["CallRow"][];
            /** @description Calls whose cost nobody knows: not in the sum. */
            unpriced: number;
        };
        /** @description What happens to a case. */
        CaseEvent: components["schemas"]["CaseStatusChanged"] | components["schemas"]["AnalysisQueued"] | components["schemas"]["AnalysisProgress"] | components["schemas"]["AnalysisCompleted"] | components["schemas"]["AnalysisFailed"] | components["schemas"]["FactCorrected"] | components["schemas"]["RedFlagRaised"] | components["schemas"]["HandoffRequested"] | components["schemas"]["HandoffTaken"] | components["schemas"]["HandoffMessage"] | components["schemas"]["HandoffReturned"] | components["schemas"]["StreamClosing"];
        /**
         * CaseExport
         * @description Everything that is held about a case.
         */
        CaseExport: {
            /** @description The experiment it counts in; null where in none. */
            assignment: components["schemas"]["HeldAssignment"] | null;
            /** @description Targeting attributes with which it was opened. */
            attributes: {
                [key: string]: string;
            };
            /** @description Who is told by Web Push. */
            browsers: components["schemas"]["HeldBrowser"][];
            /** @description The ledger's rows: calls at models, of the latest eight days. */
            calls: components["schemas"]["CallRow"][];
            /**
             * @description The case, as `/start` named it.
             * @example 0f2b6c1d9e8a4757b3c2d1e0f9a8b7c6
             */
            case_id: string;
            /** @description Everything that was said. */
            conversation: components["schemas"]["CaseView"];
            /** @description What the warehouse counts of every case, by kind: the names of the fields. They hold codes, numbers and times, and nobody's words. */
            counted: {
                [key: string]: string[];
            };
            /** @description Notifications that went out. */
            deliveries: components["schemas"]["HeldDelivery"][];
            /** @description The case's own life, oldest first. */
            events: components["schemas"]["HeldEvent"][];
            /** @description Unix time in milliseconds. */
            exported_at: number;
            /** @description What was submitted in the form; null where nothing was. */
            form_answers: {
                [key: string]: string | string[];
            } | null;
            /** @description Background analyses, oldest first. */
            jobs: components["schemas"]["JobView"][];
            /** @description Of the playbook that is followed. */
            playbook_version: string;
            /** @description How the person liked it, if said. */
            rating: components["schemas"]["RatingView"] | null;
            /** @description The result, once there is one. */
            result: components["schemas"]["Analysis"] | null;
            /** @description What reviewers say of the result. */
            reviews: components["schemas"]["ReviewView"][];
            /** @description What decided a disagreement between them, if any. */
            settled: components["schemas"]["ReviewView"] | null;
            /** @description What was understood, and how it stands. */
            status: components["schemas"]["StatusView"];
            /** @description The reference under which the case was opened, if any. */
            user_ref: string | null;
        };
        /**
         * CaseList
         * @description A page of cases.
         */
        CaseList: {
            /** @description The latest opened first. */
            cases: components["schemas"]["CaseRow"][];
            /** @description Send it back to go on; null at the end. A page may be short, or empty, and have one: no page looks at more than a thousand cases. */
            cursor: string | null;
        };
        /**
         * CaseRow
         * @description A case in a list; what was said in it is only in the case itself.
         */
        CaseRow: {
            /** @description Most likely first. */
            candidates: components["schemas"]["Candidate"][];
            /**
             * @description The case, as `/start` named it.
             * @example 0f2b6c1d9e8a4757b3c2d1e0f9a8b7c6
             */
            case_id: string;
            /** @description The result's sub-area; null without one, or if it abstains. */
            code: string | null;
            /**
             * @description As assessed so far.
             * @enum {unknown}
             */
            complexity: "high" | "low" | "medium";
            /** @description Unix time in milliseconds. */
            created_at: number;
            /** @description How it stands with a human; null if none was. */
            handoff: ("requested" | "returned" | "taken") | null;
            /** @description The case's locale. */
            locale: string;
            /** @description Its result says so, or a human was asked for at some time. */
            needs_human: boolean;
            /** @description Playbook id. */
            playbook: string;
            /** @description What the person gave: 0 to 10. */
            rating: number | null;
            /** @description Codes of those raised so far. */
            red_flags: string[];
            /** @description Whether there is a result. */
            result: boolean;
            /**
             * @description How far its ground truth is.
             * @enum {unknown}
             */
            reviews: "agreed" | "disputed" | "none" | "one" | "settled";
            /** @description Whether a turn is being answered. */
            running: boolean;
            /**
             * @description Whether the interview still goes on.
             * @enum {unknown}
             */
            status: "active" | "completed";
            /** @description How the result was made. */
            strategy: ("ensemble" | "failover" | "guided" | "simple") | null;
            /** @description Finished turns. */
            turns: number;
            /** @description Unix time in milliseconds. */
            updated_at: number;
            /** @description The result's. */
            urgency: ("critical" | "high" | "low" | "medium") | null;
            /** @description v1: structured intake, a form; v2: conversation. */
            variant: string;
        };
        /**
         * CaseStatusChanged
         * @description The case moved on: a turn ended, its complexity or its status changed.
         */
        CaseStatusChanged: {
            /**
             * @description As assessed so far.
             * @enum {unknown}
             */
            complexity: "high" | "low" | "medium";
            /** @description In the leading classification. */
            confidence: number;
            /**
             * @description The case's status.
             * @enum {unknown}
             */
            status: "active" | "completed";
            /** @description Number of the turn. */
            turn: number;
            /**
             * @description Kind and version of this document. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "case.status";
        };
        /**
         * CaseTurn
         * @description A turn of the conversation.
         */
        CaseTurn: {
            /** @description When it was accepted: Unix time in milliseconds. */
            at: number;
            /**
             * @description What the person did: `say`, `begin` (to fill in the form), `fill` (submitted it), `correct`, `conclude`, `ask_human`; what an operator did: `take`, `operator` (the reply is theirs), `hand_back`; or `need_human`, where an analysis asked for a human.
             * @enum {unknown}
             */
            kind: "ask_human" | "begin" | "conclude" | "correct" | "fill" | "hand_back" | "need_human" | "operator" | "say" | "take";
            /** @description What the person wrote. */
            message: string;
            /**
             * @description Display name of the operator who acts, if one does.
             * @default null
             */
            operator?: string | null;
            /**
             * @description How it went, or that it goes on.
             * @enum {unknown}
             */
            outcome: "cancelled" | "completed" | "failed" | "queued" | "running";
            /** @description The answer; empty while it is not committed. */
            reply: string;
            /** @description Number of the turn, from 1. */
            turn: number;
        };
        /**
         * CaseView
         * @description A whole conversation, to draw it anew.
         */
        CaseView: {
            /**
             * @description The case, as `/start` named it.
             * @example 0f2b6c1d9e8a4757b3c2d1e0f9a8b7c6
             */
            case_id: string;
            /**
             * @description How it stands with the form; null where the case is a conversation.
             * @default null
             */
            form_status?: ("open" | "submitted") | null;
            /** @description The greeting, with the first question. */
            greeting: string;
            /**
             * @description How it stands with a human; null if none was asked for.
             * @default null
             */
            handoff?: components["schemas"]["Handoff"] | null;
            /** @description The case's locale. */
            locale: string;
            /** @description What the person should know before they begin. */
            notice: string;
            /** @description Playbook id. */
            playbook: string;
            /**
             * @description The case's status.
             * @enum {unknown}
             */
            status: "active" | "completed";
            /** @description Oldest first. */
            turns: components["schemas"]["CaseTurn"][];
            /** @description v1: structured intake, a form; v2: conversation. */
            variant: string;
        };
        /**
         * ChronologyEntry
         * @description Something that happened at a time the person gave.
         */
        ChronologyEntry: {
            /** @description The turn whose message it rests on. */
            turn: number;
            /** @description What happened. */
            what: string;
            /** @description Date or time expression. */
            when: string;
        };
        /**
         * Classification
         * @description Where the case belongs in the playbook's closed taxonomy.
         */
        Classification: {
            /** @description True where no code is likely enough; a human should classify. */
            abstained: boolean;
            /** @description Label of the area, in the case's locale. */
            area: string | null;
            /** @description Sub-area code; null where the system abstains. */
            code: string | null;
            /** @description Label of the sub-area, in the case's locale. */
            subarea: string | null;
            /** @description The most likely codes with calibrated confidence. */
            top: components["schemas"]["Candidate"][];
        };
        /**
         * CodeView
         * @description A sub-area of a taxonomy.
         */
        CodeView: {
            /** @description Its code. */
            code: string;
            /** @description What belongs there, by locale. */
            description: {
                [key: string]: string;
            };
            /** @description What people call it, by locale. */
            label: {
                [key: string]: string;
            };
            /**
             * @description The least that such a case has.
             * @enum {unknown}
             */
            urgency: "critical" | "high" | "low" | "medium";
        };
        /**
         * ConcludeRequest
         * @description Ends an interview with what is known.
         */
        ConcludeRequest: {
            /**
             * @description The case, as `/start` named it.
             * @example 0f2b6c1d9e8a4757b3c2d1e0f9a8b7c6
             */
            case_id: string;
            /**
             * @description Why; kept with the case.
             * @default
             * @example The person hung up.
             */
            reason?: string;
        };
        /**
         * CostGroup
         * @description What some calls add up to.
         */
        CostGroup: {
            /** @description Of those, written to it. */
            cache_write_tokens: number;
            /** @description Calls that kept analyses spared; none of `calls`. */
            cached: number;
            /** @description Of those, read from the provider's cache. */
            cached_tokens: number;
            /** @description Attempts at models, failed ones too. */
            calls: number;
            /** @description Those that gave a whole, valid answer. */
            completed: number;
            /** @description The same in nano-USD: a thousand-millionth each. */
            cost_nano_usd: number;
            /**
             * @description USD, exact to the nano-dollar.
             * @example 25.00
             */
            cost_usd: string;
            /** @description Calls whose cost is an estimate: in the sum. */
            estimated: number;
            /** @description Read, cached and written ones included. */
            input_tokens: number;
            /**
             * @description What they have in common.
             * @example {
             *       "day": "2026-11-25"
             *     }
             */
            key: {
                [key: string]: string;
            };
            /** @description Of all calls; null where there were none. */
            mean_latency_ms: number | null;
            /** @description Written, reasoning included. */
            output_tokens: number;
            /** @description Of those, reasoning. */
            reasoning_tokens: number;
            /**
             * @description What spared calls had cost when they were made.
             * @example 25.00
             */
            saved_usd: string;
            /** @description Calls whose cost nobody knows: not in the sum. */
            unpriced: number;
        };
        /**
         * CostReport
         * @description Sums over a range of hours (UTC).
         */
        CostReport: {
            /** @description In the order of their keys. */
            groups: components["schemas"]["CostGroup"][];
            /** @description Beginning of the range: Unix time in milliseconds. */
            since: number;
            /** @description Its end, not included. */
            until: number;
        };
        /**
         * CountsView
         * @description What this instance has decided since it started.
         */
        CountsView: {
            /** @description Cases given a variation of an experiment. */
            assigned: number;
            /** @description Cases whose `user_ref` was missing, so that they are in none. */
            nameless: number;
            /** @description Cases of people in no experiment. */
            outside: number;
            /** @description Cases given the default, since the flag was of no use. */
            unusable: number;
        };
        /**
         * Delta
         * @description A piece of the answer.
         */
        Delta: {
            /** @description Text to append. */
            t: string;
            /**
             * @description Kind and version of this document. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "delta";
        };
        /**
         * Documents
         * @description Papers: those the person mentioned and those that will be needed.
         */
        Documents: {
            /** @description Mentioned by the person. */
            mentioned: string[];
            /** @description To bring or to obtain. */
            needed: string[];
        };
        /**
         * EffectFigures
         * @description What a treatment does to a metric, as the verdict reads it.
         */
        EffectFigures: {
            /** @description The treatment. */
            arm: string;
            /**
             * @description Which way is good.
             * @enum {unknown}
             */
            better: "decrease" | "increase";
            /**
             * @description Of guardrails: whether the whole interval lies beyond that.
             * @default null
             */
            broken?: boolean | null;
            /**
             * @description Where its interval ends.
             * @default null
             */
            high?: number | null;
            /** @description What people call it. */
            label: string;
            /**
             * @description For a primary the smallest effect that matters, with the sign of what is good; for a guardrail the difference, with its sign, beyond which it is broken.
             * @default null
             */
            limit?: number | null;
            /**
             * @description Where its interval begins.
             * @default null
             */
            low?: number | null;
            /** @description The metric's name. */
            metric: string;
            /**
             * @description After the corrections of the report.
             * @default null
             */
            p_value?: number | null;
            /**
             * @description Why there is no value.
             * @default null
             */
            reason?: string | null;
            /**
             * @description What it is for.
             * @enum {unknown}
             */
            role: "guardrail" | "primary" | "secondary";
            /**
             * @description What it is measured in.
             * @enum {unknown}
             */
            unit: "points" | "score" | "seconds" | "share" | "usd";
            /**
             * @description Treatment minus control; null where there is none yet.
             * @default null
             */
            value?: number | null;
        };
        /**
         * Estimate
         * @description How long a job will take from now, by what jobs of its queue took lately.
         */
        Estimate: {
            /** @description How many jobs it rests on. */
            measured: number;
            /** @description Half of such jobs are done by then. */
            p50_ms: number;
            /** @description Nine of ten are done by then. */
            p90_ms: number;
        };
        /**
         * ExperimentList
         * @description Every experiment that is declared.
         */
        ExperimentList: {
            /** @description By their keys. */
            experiments: components["schemas"]["ExperimentStanding"][];
        };
        /**
         * ExperimentReport
         * @description Everything that is known of an experiment, as `triage experiment report` has it.
         */
        ExperimentReport: {
            /** @description What had happened until then counts: UTC. */
            at: string;
            /** @description Whether arms differ in how many had been here before. */
            balance: components["schemas"]["ReportedTest"] | components["schemas"]["ReportedNothing"];
            /** @description When it was computed: Unix time in ms. */
            computed_at: number;
            /** @description Persons who count, by arm. */
            counted: {
                [key: string]: number;
            };
            /** @description Days since the first exposure. */
            days: number;
            /** @description What was settled before. */
            declaration: components["schemas"]["ReportedDeclaration"];
            /** @description Whether the fixed test judges. */
            final: boolean;
            /** @description By arm and metric. */
            findings: components["schemas"]["ReportedFinding"][];
            /** @description Whether the data can be trusted. */
            health: components["schemas"]["ReportedHealth"];
            /** @description How long ago the latest known outcome happened. */
            lag_hours: number | null;
            /** @description Cases of people without a name. */
            nameless: number;
            /** @description What was asked. */
            questions: components["schemas"]["ReportedQuestion"][];
            /**
             * @description Kind and version of this document.
             * @enum {unknown}
             */
            schema: "experiment/1";
            /** @description The sample ratio in a way that may be looked at every day. */
            sequential_ratio: components["schemas"]["ReportedTest"] | components["schemas"]["ReportedNothing"];
            /** @description Who was taken in. */
            taken: components["schemas"]["ReportedPeople"];
            /** @description By treatment. */
            verdicts: {
                [key: string]: components["schemas"]["ArmVerdict"];
            };
            /** @description Of what computed it. */
            versions: {
                [key: string]: string;
            };
        };
        /**
         * ExperimentStanding
         * @description How an experiment stands.
         */
        ExperimentStanding: {
            /** @description The intended weight of each arm. */
            arms: {
                [key: string]: number;
            };
            /**
             * @description When this was computed: Unix time in ms.
             * @default null
             */
            computed_at?: number | null;
            /** @description The arm that the others are compared with. */
            control: string;
            /**
             * @description Of those, the ones that metrics are about.
             * @default {}
             */
            counted?: {
                [key: string]: number;
            };
            /**
             * @description Every metric of every treatment.
             * @default []
             */
            effects?: components["schemas"]["EffectFigures"][];
            /**
             * @description What ended it; null while it goes on.
             * @default null
             */
            ended_by?: ("the last day" | "the planned persons" | "the verdict") | null;
            /**
             * @description Why the latest attempt at computing it failed, if it did.
             * @default null
             */
            error?: string | null;
            /**
             * @description Whether the fixed test judges; before, what may be read daily.
             * @default false
             */
            final?: boolean;
            /**
             * @description Its tracking key.
             * @example intelligent_triage_v2
             */
            key: string;
            /**
             * @description The latest exposure: Unix time in ms.
             * @default null
             */
            last_exposure_at?: number | null;
            /**
             * @description Persons who saw each arm first.
             * @default {}
             */
            persons?: {
                [key: string]: number;
            };
            /** @description By how many persons it is decided. */
            planned_persons: number;
            /** @description What is asked. */
            question: string;
            /**
             * @description Why, in whole words.
             * @default null
             */
            reason?: string | null;
            /**
             * @description The same in a way that may be looked at every day.
             * @default null
             */
            sample_ratio_daily_p?: number | null;
            /**
             * @description How likely such a split is by chance; null if unknown.
             * @default null
             */
            sample_ratio_p?: number | null;
            /**
             * @description Persons who saw several arms.
             * @default 0
             */
            several?: number;
            /**
             * @description The first exposure: Unix time in ms; null before it.
             * @default null
             */
            started_at?: number | null;
            /**
             * @description `waiting`: nothing was computed yet; `planned`: nobody has come yet; `running`; `ended`: its last day, its planned persons or its verdict ended it.
             * @default waiting
             * @enum {unknown}
             */
            state?: "ended" | "planned" | "running" | "waiting";
            /** @description What people call it. */
            title: string;
            /**
             * @description What to do; of several treatments the gravest. Null while `waiting`.
             * @default null
             */
            verdict?: ("invalid" | "keep running" | "roll back" | "ship" | "stop, no effect") | null;
            /**
             * @description Since when that has been the verdict: Unix time in ms.
             * @default null
             */
            verdict_since?: number | null;
            /**
             * @description The verdict on each treatment.
             * @default {}
             */
            verdicts?: {
                [key: string]: components["schemas"]["ArmVerdict"];
            };
        };
        /**
         * ExperimentView
         * @description An experiment that a feature's rules run.
         */
        ExperimentView: {
            /** @description The share of people who take part. */
            coverage: number;
            /** @description What is hashed: the unit of randomisation. */
            hash_attribute: string;
            /** @description Its tracking key. */
            key: string;
            /** @description What people call it. */
            name: string;
            /** @description In the order of the flags. */
            variations: components["schemas"]["VariationView"][];
        };
        /**
         * Fact
         * @description Something the person said, with the message it rests on.
         */
        Fact: {
            /** @description What it is, in the case's locale. */
            label: string;
            /** @description Slot name, or `statement` for a free fact. */
            name: string;
            /** @description The turn whose message it rests on. */
            turn: number;
            /** @description What was said. */
            value: string;
        };
        /**
         * FactCorrected
         * @description The person corrected a fact.
         */
        FactCorrected: {
            /** @description Name of the slot. */
            slot: string;
            /** @description Number of the turn. */
            turn: number;
            /**
             * @description Kind and version of this document. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "case.fact";
        };
        /**
         * FactRequest
         * @description Corrects a fact.
         */
        FactRequest: {
            /**
             * @description Name of the slot.
             * @example when
             */
            slot: string;
            /**
             * @description What is right; empty to remove the fact.
             * @example 12/03/2026
             */
            value: string;
        };
        /**
         * FeatureView
         * @description A feature as it is live.
         */
        FeatureView: {
            /** @description What it is where no rule applies, as JSON. */
            default: string;
            /** @description Those that its rules run. */
            experiments: components["schemas"]["ExperimentView"][];
            /** @description Its key. */
            key: string;
            /** @description How many rules it has. */
            rules: number;
        };
        /**
         * FieldOption
         * @description One answer that can be chosen.
         */
        FieldOption: {
            /**
             * @description Says that none of the others holds; beside another one it counts not.
             * @default false
             */
            alone?: boolean;
            /** @description What to show, in the case's locale. */
            label: string;
            /** @description What to send. */
            value: string;
        };
        /**
         * FieldProblem
         * @description What is wrong with one field.
         */
        FieldProblem: {
            /** @description The field; empty for the body as a whole. */
            key: string;
            /** @description What is wrong with it, in plain words. */
            message: string;
            /**
             * @description Where it stands; absent where that is not clear.
             * @default null
             */
            source?: ("body" | "header" | "path" | "query") | null;
        };
        /**
         * Figures
         * @description An installation at one moment.
         */
        Figures: {
            /** @description Cases whose interview goes on, about. */
            active_cases: number;
            /** @description When: Unix time in milliseconds. */
            at_ms: number;
            /**
             * @description The entry at which it did not hold when last verified; 0: it did.
             * @default 0
             */
            audit_broken?: number;
            /**
             * @description Entries of the audit trail, trimmed ones too.
             * @default 0
             */
            audit_entries?: number;
            /** @description Cases with a turn that is not answered, about. */
            busy_cases: number;
            /** @description What was given up and waits for an operator. */
            dead: {
                [key: string]: number;
            };
            /**
             * @description How each experiment stands.
             * @default []
             */
            experiments?: components["schemas"]["ExperimentStanding"][];
            /** @description Events that found no room, ever. */
            facts_lost: number;
            /** @description For how long the oldest has waited. */
            facts_oldest_ms: number;
            /** @description Events that no worker has drained yet. */
            facts_waiting: number;
            /** @description Cases in which a human is waited for or answers. */
            handoffs: number;
            /** @description Memory of the storage in use. */
            memory_bytes: number;
            /** @description Its limit; 0 where there is none. */
            memory_limit_bytes: number;
            /** @description What the ledger says. */
            money?: components["schemas"]["Money"];
            /** @description Cases with a turn that nobody has worked on for 10 s. */
            orphaned: number;
            /** @description Round trip to the storage. */
            ping_ms: number;
            /** @description By queue. */
            queues: {
                [key: string]: components["schemas"]["QueueFigures"];
            };
            /**
             * @description When each report was sent last: Unix time in milliseconds.
             * @default {}
             */
            reports?: {
                [key: string]: number;
            };
            /** @description Workers that gave a sign of life within 15 s. */
            workers: number;
        };
        /**
         * FlagView
         * @description A red flag.
         */
        FlagView: {
            /** @description Its code. */
            code: string;
            /** @description Whether it calls a human. */
            handoff: boolean;
            /** @description What people call it, by locale. */
            label: {
                [key: string]: string;
            };
            /**
             * @description The least that such a case has.
             * @enum {unknown}
             */
            urgency: "critical" | "high" | "low" | "medium";
        };
        /**
         * FlagsTaken
         * @description The flags of a webhook were taken.
         */
        FlagsTaken: {
            /** @description Names the flags that came. */
            hash: string;
        };
        /**
         * FlagsView
         * @description The flags that are live in this instance.
         */
        FlagsView: {
            /** @description When they came: Unix time in ms; 0 if shipped. */
            at: number;
            /** @description Since this instance started. */
            counts: components["schemas"]["CountsView"];
            /** @description Every feature. */
            features: components["schemas"]["FeatureView"][];
            /** @description Names the flags; equal in all instances. */
            hash: string;
            /** @description `shipped`, `file`, `poll` or `webhook`. */
            source: string;
            /** @description When GrowthBook changed them; may be empty. */
            updated: string;
        };
        /**
         * Form
         * @description The structured intake, in the case's locale.
         */
        Form: {
            /** @description In the order in which to show them. */
            sections: components["schemas"]["FormSection"][];
        };
        /**
         * FormField
         * @description One question of the form.
         */
        FormField: {
            /**
             * @description A word of help below the question.
             * @default null
             */
            hint?: string | null;
            /** @description The question, in the case's locale. */
            label: string;
            /** @description The most characters of a typed answer. */
            max_length: number | null;
            /** @description The slot that it fills; the key of its answer. */
            name: string;
            /**
             * @description Of `choice`, `choices` and `yes_no`; null for the others.
             * @default null
             */
            options?: components["schemas"]["FieldOption"][] | null;
            /** @description Whether it must be answered where it is shown. */
            required: boolean;
            /** @description Personal data: keep it out of logs and local storage. */
            sensitive: boolean;
            /**
             * @description Null where the field is always there.
             * @default null
             */
            show_when?: components["schemas"]["ShowWhen"] | null;
            /**
             * @description `choices` takes a list, all others one text. `yes_no`: `yes` or `no`. `date`: ISO 8601, also in part (`2026-03`), or in words (`ontem`, `in March`). `number`: digits as people write them (`1.500,00`).
             * @enum {unknown}
             */
            type: "choice" | "choices" | "date" | "long_text" | "number" | "text" | "yes_no";
        };
        /**
         * FormMistake
         * @description What is wrong with one answer.
         */
        FormMistake: {
            /**
             * @description The kind of mistake.
             * @enum {unknown}
             */
            code: "not_a_date" | "not_a_number" | "only_one" | "required" | "too_long" | "unknown_field" | "unknown_option";
            /** @description What to tell the person, in the case's locale. */
            detail: string;
            /** @description The field, as the form names it. */
            field: string;
        };
        /**
         * FormRequest
         * @description Submits the form.
         */
        FormRequest: {
            /**
             * @description By field. Fields left out, and empty ones, are not answered; answers to fields that `show_when` hides are not taken.
             * @example {
             *       "safety": [
             *         "none"
             *       ],
             *       "story": "Fui demitida ontem e não recebi nada."
             *     }
             */
            answers: {
                [key: string]: string | string[];
            };
        };
        /**
         * FormSection
         * @description A part of the form with a heading of its own.
         */
        FormSection: {
            /** @description In the order in which to show them. */
            fields: components["schemas"]["FormField"][];
            /**
             * @description A word of help below the heading.
             * @default null
             */
            hint?: string | null;
            /** @description A stable name. */
            name: string;
            /** @description The heading, in the case's locale. */
            title: string;
        };
        /**
         * FormView
         * @description The form of a case, and how it stands.
         */
        FormView: {
            /**
             * @description As they were submitted, by field; null while the form is open.
             * @default null
             */
            answers?: {
                [key: string]: string | string[];
            } | null;
            /** @description What is asked. */
            form: components["schemas"]["Form"];
            /**
             * @description `open`: to be filled in; `submitted`: taken, once for all.
             * @enum {unknown}
             */
            status: "open" | "submitted";
        };
        /**
         * GrowthBookHook
         * @description An SDK webhook as GrowthBook sends it; members besides these are passed over.
         */
        GrowthBookHook: {
            /** @description What it carries. */
            data: components["schemas"]["HookData"];
        };
        /**
         * Handoff
         * @description A human was asked into the case: who asked, who has it, and how it stands.
         */
        Handoff: {
            /**
             * @description Who asked: the person, a red flag, or an analysis that needs a human.
             * @enum {unknown}
             */
            by: "analysis" | "person" | "red_flag";
            /**
             * @description Display name of the operator who has it, or had it last.
             * @default null
             */
            operator?: string | null;
            /** @description The person's words, or the red flags' codes. */
            reason: string;
            /** @description Unix time in milliseconds. */
            requested_at: number;
            /**
             * @description Unix time in milliseconds.
             * @default null
             */
            returned_at?: number | null;
            /**
             * @description `requested`: nobody has it yet; `taken`: an operator answers; `returned`: the interviewer goes on.
             * @enum {unknown}
             */
            status: "requested" | "returned" | "taken";
            /**
             * @description Unix time in milliseconds.
             * @default null
             */
            taken_at?: number | null;
        };
        /**
         * HandoffList
         * @description A page of cases that need a human.
         */
        HandoffList: {
            /** @description Send it back for the next page; null where there is none. */
            cursor: string | null;
            /** @description Whoever waited longest comes first. */
            handoffs: components["schemas"]["HandoffRow"][];
        };
        /**
         * HandoffMessage
         * @description An operator said something: it is the reply of that turn.
         */
        HandoffMessage: {
            /** @description Display name of the operator. */
            operator: string;
            /** @description Number of the turn. */
            turn: number;
            /**
             * @description Kind and version of this document. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "handoff.message";
        };
        /**
         * HandoffRequested
         * @description A human was asked into the case.
         */
        HandoffRequested: {
            /**
             * @description Who asked.
             * @enum {unknown}
             */
            by: "analysis" | "person" | "red_flag";
            /** @description Number of the turn. */
            turn: number;
            /**
             * @description Kind and version of this document. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "handoff.requested";
        };
        /**
         * HandoffReturned
         * @description The operator left; the interviewer goes on.
         */
        HandoffReturned: {
            /** @description Display name of the operator. */
            operator: string;
            /** @description Number of the turn. */
            turn: number;
            /**
             * @description Kind and version of this document. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "handoff.returned";
        };
        /**
         * HandoffRow
         * @description A case that needs a human; what was said in it is only in the case itself.
         */
        HandoffRow: {
            /**
             * @description Who asked: the person, a red flag, or an analysis that needs a human.
             * @enum {unknown}
             */
            by: "analysis" | "person" | "red_flag";
            /** @description Most likely first. */
            candidates: components["schemas"]["Candidate"][];
            /**
             * @description The case, as `/start` named it.
             * @example 0f2b6c1d9e8a4757b3c2d1e0f9a8b7c6
             */
            case_id: string;
            /**
             * @description Whether the interview still goes on.
             * @enum {unknown}
             */
            case_status: "active" | "completed";
            /**
             * @description As assessed so far.
             * @enum {unknown}
             */
            complexity: "high" | "low" | "medium";
            /** @description The case's locale. */
            locale: string;
            /** @description Who has it; null while nobody does. */
            operator: string | null;
            /** @description Playbook id. */
            playbook: string;
            /** @description Red flags raised so far. */
            red_flags: string[];
            /** @description Unix time in milliseconds. */
            requested_at: number;
            /**
             * @description `requested`: nobody has it yet; `taken`: an operator answers.
             * @enum {unknown}
             */
            status: "requested" | "taken";
            /** @description Unix time in milliseconds. */
            taken_at: number | null;
            /** @description Unix time in milliseconds. */
            updated_at: number;
        };
        /**
         * HandoffTaken
         * @description An operator has the conversation now.
         */
        HandoffTaken: {
            /** @description Display name of the operator. */
            operator: string;
            /** @description Number of the turn. */
            turn: number;
            /**
             * @description Kind and version of this document. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "handoff.taken";
        };
        /**
         * Health
         * @description How an instance is.
         */
        Health: {
            /**
             * @description What is wrong, if anything.
             * @default
             */
            detail?: string;
            /**
             * @description In a word.
             * @enum {unknown}
             */
            status: "ok" | "unavailable";
        };
        /**
         * HeldAssignment
         * @description The experiment that the case counts in.
         */
        HeldAssignment: {
            /** @description Its key. */
            experiment: string;
            /** @description Digest of the flags by which it was decided. */
            flags: string;
            /** @description A digest of your reference: who counts as one. */
            person: string;
            /** @description What was given. */
            variation: string;
        };
        /**
         * HeldBrowser
         * @description A browser that is told of the case.
         */
        HeldBrowser: {
            /** @description Its address at its push service. */
            endpoint: string;
            /** @description Its name here. */
            subscription: string;
        };
        /**
         * HeldDelivery
         * @description A notification about the case: ids and a kind, nobody's words.
         */
        HeldDelivery: {
            /** @description Unix time in milliseconds. */
            at: number;
            /**
             * @description How it goes.
             * @enum {unknown}
             */
            channel: "push" | "webhook";
            /** @description What it tells of. */
            kind: string;
            /** @description Its id. */
            notification: string;
            /**
             * @description What became of it.
             * @enum {unknown}
             */
            state: "delivered" | "dropped" | "due" | "failed";
            /** @description The endpoint's or the subscription's name. */
            target: string;
        };
        /**
         * HeldEvent
         * @description Something that happened to the case.
         */
        HeldEvent: {
            /** @description The details, as they were told. */
            data: Record<string, never>;
            /** @description What happened. */
            event: string;
            /** @description Its place among them. */
            id: string;
        };
        /**
         * HookData
         * @description What a webhook carries.
         */
        HookData: {
            /**
             * @description The flags as SDKs get them: a JSON object, as a text.
             * @example {"features": {}}
             */
            payload: string;
        };
        /**
         * HumanRequest
         * @description Asks for a human.
         */
        HumanRequest: {
            /**
             * @description Why, in the person's own words; operators see it.
             * @default
             * @example I would rather explain this to a person.
             */
            reason?: string;
        };
        /**
         * JobList
         * @description A page of jobs.
         */
        JobList: {
            /** @description Send it back for the next page; null where there is none. */
            cursor: string | null;
            /** @description The latest created first. */
            jobs: components["schemas"]["JobView"][];
        };
        /**
         * JobView
         * @description A job as it stands, for whoever waits for it and for operators.
         */
        JobView: {
            /** @description How often a worker began with it. */
            attempts: number;
            /** @description The case. */
            case_id: string;
            /** @description Unix time in milliseconds. */
            created_at: number;
            /**
             * @description Why the last attempt failed.
             * @default null
             */
            error?: string | null;
            /**
             * @description When it was over.
             * @default null
             */
            finished_at?: number | null;
            /** @description Its name: `{case}.{turn}`. */
            job: string;
            /**
             * @description When it is tried again.
             * @default null
             */
            not_before?: number | null;
            /**
             * @description The strategy that its complexity calls for.
             * @enum {unknown}
             */
            planned: "ensemble" | "failover" | "guided" | "simple";
            /**
             * @description The queue it waits in or came from.
             * @enum {unknown}
             */
            queue: "complex" | "simple" | "standard";
            /**
             * @description When it was first begun.
             * @default null
             */
            started_at?: number | null;
            /**
             * @description Where it stands.
             * @enum {unknown}
             */
            state: "cancelled" | "dead" | "done" | "queued" | "running" | "superseded";
            /**
             * @description Steps that are done and kept.
             * @default []
             */
            steps?: string[];
            /** @description The turn whose end asked for it. */
            turn: number;
        };
        /**
         * KeyIssued
         * @description A key with its token.
         */
        KeyIssued: {
            /** @description The key. */
            key: components["schemas"]["KeyView"];
            /** @description Shown only here: `tk_…`. */
            token: string;
        };
        /**
         * KeyList
         * @description All keys.
         */
        KeyList: {
            /** @description The oldest first. */
            keys: components["schemas"]["KeyView"][];
        };
        /**
         * KeyRequest
         * @description A key to be made.
         */
        KeyRequest: {
            /**
             * @description After how many days it expires; null is never.
             * @default null
             */
            days?: number | null;
            /**
             * @description Whose it is, for people.
             * @example Intake of the website
             */
            name: string;
            /**
             * @description What it is good for: `intake` opens cases, `operator` works on them, `analyst` reads what is counted, `admin` sets.
             * @example [
             *       "intake"
             *     ]
             */
            scopes: ("admin" | "analyst" | "intake" | "operator")[];
        };
        /**
         * KeyView
         * @description A key; its token is not kept.
         */
        KeyView: {
            /** @description Unix time in milliseconds. */
            created_at: number;
            /** @description Until when the token before the last rotation is good. */
            earlier_until: number | null;
            /** @description The same; null is never. */
            expires_at: number | null;
            /** @description Names the key; no secret. */
            id: string;
            /** @description Whose it is. */
            name: string;
            /** @description The same; null where it was not. */
            revoked_at: number | null;
            /** @description What it is good for. */
            scopes: ("admin" | "analyst" | "intake" | "operator")[];
            /**
             * @description Whether it is good still.
             * @enum {unknown}
             */
            state: "active" | "expired" | "revoked";
        };
        /**
         * KnownFact
         * @description Something that was understood.
         */
        KnownFact: {
            /** @description What it is, in the case's locale. */
            label: string;
            /** @description Name of the slot. */
            slot: string;
            /**
             * @description Who found it; `person`: corrected.
             * @enum {unknown}
             */
            source: "model" | "person" | "rules";
            /** @description The turn it rests on. */
            turn: number;
            /** @description What is known. */
            value: string;
        };
        /**
         * LinkMade
         * @description A code that opens the case on another device.
         */
        LinkMade: {
            /** @description Put it behind the `#` of an address: that is sent to no server. */
            code: string;
            /** @description Unix time in milliseconds; ten minutes ahead. */
            expires_at: number;
        };
        /**
         * LinkOpened
         * @description The case of a link.
         */
        LinkOpened: {
            /**
             * @description The case, as `/start` named it.
             * @example 0f2b6c1d9e8a4757b3c2d1e0f9a8b7c6
             */
            case_id: string;
            /** @description The case's credential, the same that `/start` returned. */
            case_token: string;
        };
        /**
         * LinkRequest
         * @description Opens a link.
         */
        LinkRequest: {
            /**
             * @description As it was made.
             * @example Zm9yIGV4YW1wbGUgb25seQ
             */
            code: string;
        };
        /**
         * MessageRequest
         * @description Something the person says.
         */
        MessageRequest: {
            /**
             * @description The case, as `/start` named it.
             * @example 0f2b6c1d9e8a4757b3c2d1e0f9a8b7c6
             */
            case_id: string;
            /**
             * @description In the person's own words; how much is taken is the playbook's choice.
             * @example Fui demitida ontem e não recebi nada.
             */
            message: string;
        };
        /**
         * Money
         * @description What the ledger says of the periods that run.
         */
        Money: {
            /**
             * @description Every budget as it stands.
             * @default []
             */
            budgets?: components["schemas"]["BudgetState"][];
            /**
             * @description Spent in the hour, day and month (UTC) that run.
             * @default {}
             */
            spent_nano_usd?: {
                [key: string]: number;
            };
        };
        /**
         * OperatorAnswer
         * @description What became of an operator's command.
         */
        OperatorAnswer: {
            /**
             * @description The case, as `/start` named it.
             * @example 0f2b6c1d9e8a4757b3c2d1e0f9a8b7c6
             */
            case_id: string;
            /** @description How it stands now. */
            handoff: components["schemas"]["Handoff"] | null;
            /**
             * @description `pending`: it is taken in, and earlier turns come first.
             * @enum {unknown}
             */
            outcome: "cancelled" | "completed" | "failed" | "pending";
            /** @description Number of the turn, from 1. */
            turn: number;
        };
        /**
         * OperatorCase
         * @description A whole case, with everything that was understood.
         */
        OperatorCase: {
            /** @description The result, once there is one. */
            analysis: components["schemas"]["Analysis"] | null;
            /** @description Attributes from `/start`. */
            attributes: {
                [key: string]: string;
            };
            case: components["schemas"]["CaseView"];
            status: components["schemas"]["StatusView"];
            /** @description The caller's own reference of the person, from `/start`. */
            user_ref: string | null;
        };
        /**
         * OperatorReply
         * @description Something an operator says to the person.
         */
        OperatorReply: {
            /**
             * @description The operator's display name, as the person sees it; one name is one operator.
             * @example Ana
             */
            operator: string;
            /**
             * @description What the person will read.
             * @example I am Ana from the team. Are you somewhere safe right now?
             */
            text: string;
        };
        /**
         * OperatorRequest
         * @description Says who acts.
         */
        OperatorRequest: {
            /**
             * @description The operator's display name, as the person sees it; one name is one operator.
             * @example Ana
             */
            operator: string;
        };
        /**
         * OpinionsView
         * @description What is said of a case.
         */
        OpinionsView: {
            /**
             * @description The case, as `/start` named it.
             * @example 0f2b6c1d9e8a4757b3c2d1e0f9a8b7c6
             */
            case_id: string;
            /** @description Others' reviews that `reviewer` sees after their own alone. */
            hidden: number;
            /** @description What the present result says; null while it abstains. */
            predicted: string | null;
            /** @description The same; null while there is no result. */
            predicted_urgency: ("critical" | "high" | "low" | "medium") | null;
            /** @description How the person liked it, if said. */
            rating: components["schemas"]["RatingView"] | null;
            /** @description Each reviewer's latest, by name. */
            reviews: components["schemas"]["ReviewView"][];
            /** @description What decided a disagreement, if somebody did. */
            settled: components["schemas"]["ReviewView"] | null;
            /**
             * @description How far the ground truth is. `one`: a second reviewer is wanted; `disputed`: reviewers differ and nobody has decided.
             * @enum {unknown}
             */
            state: "agreed" | "disputed" | "none" | "one" | "settled";
        };
        /**
         * Party
         * @description Somebody involved.
         */
        Party: {
            /** @description As the person named them. */
            name: string;
            /** @description Such as the person, employer, landlord. */
            role: string;
        };
        /**
         * PlaybookList
         * @description The playbooks of this instance.
         */
        PlaybookList: {
            /** @description By id; the default one first. */
            playbooks: components["schemas"]["PlaybookView"][];
        };
        /**
         * PlaybookView
         * @description What a playbook's cases can be.
         */
        PlaybookView: {
            /** @description The closed taxonomy. */
            areas: components["schemas"]["AreaView"][];
            /** @description Its id. */
            id: string;
            /** @description The first is the default. */
            locales: string[];
            /** @description Dangers that it knows. */
            red_flags: components["schemas"]["FlagView"][];
            /** @description What it asks for: labels by name and locale. */
            slots: {
                [key: string]: {
                    [key: string]: string;
                };
            };
            /** @description What people call it, by locale. */
            title: {
                [key: string]: string;
            };
            /** @description Its version. */
            version: string;
        };
        /**
         * Problem
         * @description What went wrong, in the form of RFC 9457.
         */
        Problem: {
            /**
             * @description With `result-not-ready`: where the background analysis stands.
             * @default null
             */
            analysis_state?: ("cancelled" | "dead" | "done" | "queued" | "running" | "superseded") | null;
            /**
             * @description With `result-not-ready`: the status of the case.
             * @default null
             */
            case_status?: ("active" | "completed") | null;
            /** @description What happened here and what to do about it. */
            detail: string;
            /**
             * @description With `form-invalid`: what is wrong with which field of the form.
             * @default null
             */
            errors?: components["schemas"]["FormMistake"][] | null;
            /**
             * @description With `invalid-input`: what is wrong where.
             * @default null
             */
            fields?: components["schemas"]["FieldProblem"][] | null;
            /** @description The HTTP status. */
            status: number;
            /** @description The kind of problem in words. */
            title: string;
            /**
             * @description With `turn-busy`: the turn that is running.
             * @default null
             */
            turn?: number | null;
            /** @description A stable name of the kind of problem. */
            type: string;
        };
        /**
         * Provenance
         * @description How the result came about.
         */
        Provenance: {
            /** @description Whether a stored analysis was reused. */
            cached: boolean;
            /** @description Integer nano-USD; null where a price is not known. */
            cost_nano_usd: number | null;
            /** @description What was done with less than planned, and why. */
            degradations: string[];
            /**
             * @description Where the two models of an ensemble differed, and what each said.
             * @default []
             */
            differences?: string[];
            /** @description Time the analysis took. */
            duration_ms: number;
            /**
             * @description Why the judge decided as it did, where models differed.
             * @default null
             */
            justification?: string | null;
            /** @description Models that took part; none if guided. */
            models: string[];
            /**
             * @description The strategy this complexity calls for.
             * @enum {unknown}
             */
            planned: "ensemble" | "failover" | "guided" | "simple";
            /** @description Playbook id and version. */
            playbook: string;
            /** @description Version of the analysis's prompt; null if guided. */
            prompt: string | null;
            /**
             * @description Versions of all prompts that took part.
             * @default []
             */
            prompts?: string[];
            /**
             * @description The strategy that produced the result.
             * @enum {unknown}
             */
            strategy: "ensemble" | "failover" | "guided" | "simple";
        };
        /**
         * PushKey
         * @description The key by which browsers and push services know this installation.
         */
        PushKey: {
            /** @description `applicationServerKey` of `PushManager.subscribe`, in Base64url. */
            public_key: string;
        };
        /**
         * PushKeys
         * @description The keys that a browser makes for a subscription.
         */
        PushKeys: {
            /**
             * @description Its secret: Base64url of 16 bytes.
             * @example BTBZMqHH6r4Tts7J_aSIgg
             */
            auth: string;
            /**
             * @description Its public key: Base64url of a point of P-256.
             * @example BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4
             */
            p256dh: string;
        };
        /**
         * PushRequest
         * @description A browser's subscription, as `PushSubscription.toJSON()` gives it.
         */
        PushRequest: {
            /**
             * @description The address at its push service; https only.
             * @example https://push.example.com/send/4b0e1a7c
             */
            endpoint: string;
            /**
             * @description When the browser will end it; taken and not used.
             * @default null
             * @example null
             */
            expirationTime?: number | null;
            /**
             * @description What encrypts for it.
             * @example {
             *       "auth": "BTBZMqHH6r4Tts7J_aSIgg",
             *       "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
             *     }
             */
            keys: components["schemas"]["PushKeys"];
        };
        /**
         * PushTaken
         * @description A browser that will be told.
         */
        PushTaken: {
            /** @description Its name, to take it off; the same for the same address. */
            subscription: string;
        };
        /**
         * QueueFigures
         * @description One queue of background analyses.
         */
        QueueFigures: {
            /** @description For how long the oldest one that nobody works on has waited. */
            oldest_ms: number;
            /** @description Analyses that are not over, those in work included. */
            open: number;
            /** @description How many all living workers take at once. */
            slots: number;
        };
        /**
         * RatingRequest
         * @description Says how the person liked it.
         */
        RatingRequest: {
            /**
             * @description In the person's own words.
             * @default
             */
            comment?: string;
            /** @description 0 not at all, 10 extremely: would you recommend it? */
            score: number;
        };
        /**
         * RatingView
         * @description How the person liked it.
         */
        RatingView: {
            /** @description In the person's own words. */
            comment: string;
            /** @description 0 not at all, 10 extremely: would you recommend it? */
            score: number;
        };
        /**
         * RedFlagRaised
         * @description A red flag was raised.
         */
        RedFlagRaised: {
            /** @description The red flag, by name. */
            code: string;
            /** @description Number of the turn. */
            turn: number;
            /**
             * @description Kind and version of this document. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "case.red_flag";
        };
        /**
         * RedisHealth
         * @description How the storage is.
         */
        RedisHealth: {
            /**
             * @description What is wrong, if anything.
             * @default
             */
            detail?: string;
            /**
             * @description Its limit; 0 for none.
             * @default null
             */
            max_memory_bytes?: number | null;
            /**
             * @description How writes are kept.
             * @default
             */
            persistence?: string;
            /**
             * @description Round trip in milliseconds.
             * @default null
             */
            ping_ms?: number | null;
            /**
             * @description Name and version of the server.
             * @default
             */
            server?: string;
            /**
             * @description In a word.
             * @enum {unknown}
             */
            status: "ok" | "unavailable";
            /**
             * @description Memory in use.
             * @default null
             */
            used_memory_bytes?: number | null;
        };
        /**
         * ReportedAnalysis
         * @description A metric from all the sides that a report shows.
         */
        ReportedAnalysis: {
            /** @description By the fixed test, right for one look. */
            difference: components["schemas"]["ReportedEffect"] | components["schemas"]["ReportedNothing"];
            /** @description The relative difference. */
            lift: components["schemas"]["ReportedEffect"] | components["schemas"]["ReportedNothing"];
            /** @description What to believe. */
            posterior: components["schemas"]["ReportedPosterior"] | components["schemas"]["ReportedNothing"];
            /**
             * @description By a method with other assumptions.
             * @default null
             */
            second_look?: (components["schemas"]["ReportedEffect"] | components["schemas"]["ReportedNothing"]) | null;
            /** @description In a way that may be looked at every day. */
            sequence: components["schemas"]["ReportedEffect"] | components["schemas"]["ReportedNothing"];
            /**
             * @description Without what was known before the exposure.
             * @default null
             */
            unadjusted?: (components["schemas"]["ReportedEffect"] | components["schemas"]["ReportedNothing"]) | null;
            /**
             * @description The share of the variance that this left.
             * @default null
             */
            variance_kept?: number | null;
        };
        /**
         * ReportedDeclaration
         * @description What was settled before.
         */
        ReportedDeclaration: {
            /**
             * @description The error that is accepted.
             * @default 0.05
             */
            alpha?: number;
            /** @description The intended weight of each arm. */
            arms: {
                [key: string]: number;
            };
            /**
             * @description For how long a verdict must stand until it ends the experiment.
             * @default 48
             */
            conclude_after_hours?: number;
            /** @description The arm that the others are compared with. */
            control: string;
            /**
             * @description The last day (UTC).
             * @default null
             */
            ends?: string | null;
            /**
             * @description The version of the form.
             * @enum {unknown}
             */
            format: 1;
            /** @description What is expected, and why. */
            hypothesis: string;
            /** @description GrowthBook's tracking key. */
            key: string;
            /**
             * @description How long after their exposure persons begin to count.
             * @default 24
             */
            maturity_hours?: number;
            /** @description In their order. */
            metrics: components["schemas"]["ReportedMetric"][];
            /** @description By how many persons it is decided. */
            planned_persons: number;
            /**
             * @description The power that was planned for.
             * @default 0.8
             */
            power?: number;
            /** @description What is asked. */
            question: string;
            /**
             * @description Slices of people.
             * @default [
             *       "locale",
             *       "playbook"
             *     ]
             */
            slices?: ("locale" | "playbook")[];
            /**
             * @description The first day (UTC).
             * @default null
             */
            starts?: string | null;
            /** @description What people call it. */
            title: string;
        };
        /**
         * ReportedEffect
         * @description An effect of a treatment with its interval and p, which belong together.
         */
        ReportedEffect: {
            /** @description The error of the interval. */
            alpha: number;
            /**
             * @description What was looked for.
             * @default two-sided
             * @enum {unknown}
             */
            alternative?: "greater" | "less" | "two-sided";
            /** @description The metric in the control. */
            control: number;
            /**
             * @description Its degrees of freedom.
             * @default null
             */
            df?: number | null;
            /** @description The effect. */
            estimate: number;
            /** @description Where its interval ends. */
            high: number | null;
            /** @description Its decimal logarithm, which still tells. */
            log10_p: number;
            /** @description Where its interval begins. */
            low: number | null;
            /** @description How it was computed. */
            method: string;
            /** @description Persons or values in the control. */
            n_control: number;
            /** @description Persons or values in the treatment. */
            n_treatment: number;
            /**
             * @description The effect that p asks about.
             * @default 0
             */
            null?: number;
            /** @description How likely more than this is by chance; 0 if < 1e-308. */
            p: number;
            /**
             * @description What the estimate is.
             * @enum {unknown}
             */
            scale: "difference" | "lift" | "odds ratio" | "probability" | "ratio";
            /**
             * @description Of the estimate.
             * @default null
             */
            standard_error?: number | null;
            /**
             * @description The test's statistic.
             * @default null
             */
            statistic?: number | null;
            /** @description The metric in the treatment. */
            treatment: number;
            /**
             * @description Kind and version of this document.
             * @enum {unknown}
             */
            type: "effect";
        };
        /**
         * ReportedFinding
         * @description A metric of one arm against the control.
         */
        ReportedFinding: {
            /** @description After Holm for primaries and arms, Benjamini-Hochberg for the rest. */
            adjusted_p: number | null;
            /** @description The effect from all sides. */
            analysis: components["schemas"]["ReportedAnalysis"];
            /** @description The treatment. */
            arm: string;
            /**
             * @description Day by day.
             * @default []
             */
            by_day?: components["schemas"]["ReportedPoint"][];
            /**
             * @description By what people are sliced by: whether slices differ.
             * @default {}
             */
            interactions?: {
                [key: string]: components["schemas"]["ReportedTest"] | components["schemas"]["ReportedNothing"];
            };
            /** @description The metric. */
            metric: components["schemas"]["ReportedMetric"];
            /**
             * @description Of a guardrail: the one-sided test against its margin, daily or final.
             * @default null
             */
            non_inferior?: (components["schemas"]["ReportedEffect"] | components["schemas"]["ReportedNothing"]) | null;
            /**
             * @description Whether it wears off.
             * @default null
             */
            novelty?: (components["schemas"]["ReportedNovelty"] | components["schemas"]["ReportedNothing"]) | null;
            /**
             * @description Of a primary: how far it has come.
             * @default null
             */
            outlook?: (components["schemas"]["ReportedOutlook"] | components["schemas"]["ReportedNothing"]) | null;
            /** @description Who counts: control, treatment. */
            persons: [
                number,
                number
            ];
            /**
             * @description By slices of people.
             * @default []
             */
            slices?: components["schemas"]["ReportedSlice"][];
        };
        /**
         * ReportedHealth
         * @description Whether the data can be trusted.
         */
        ReportedHealth: {
            /** @description Persons who came. */
            persons: number;
            /**
             * @description Persons who saw several arms.
             * @default 0
             */
            persons_in_several?: number;
            /** @description Whether arms have the intended sizes. */
            sample_ratio: components["schemas"]["ReportedTest"] | components["schemas"]["ReportedNothing"];
        };
        /**
         * ReportedMetric
         * @description A metric as it was declared.
         */
        ReportedMetric: {
            /**
             * @description Which way is good.
             * @enum {unknown}
             */
            better: "decrease" | "increase";
            /** @description What is added up. */
            fact: string;
            /**
             * @description What is computed.
             * @enum {unknown}
             */
            kind: "mean" | "nps" | "quantile" | "ratio" | "share";
            /** @description What people call it. */
            label: string;
            /**
             * @description How much worse a guardrail may become.
             * @default null
             */
            margin?: number | null;
            /** @description Its name. */
            name: string;
            /**
             * @description What that is divided by.
             * @default null
             */
            per?: string | null;
            /**
             * @description Which quantile.
             * @default null
             */
            q?: number | null;
            /**
             * @description What it is for.
             * @default secondary
             * @enum {unknown}
             */
            role?: "guardrail" | "primary" | "secondary";
            /**
             * @description The smallest difference that matters.
             * @default null
             */
            smallest_effect?: number | null;
            /**
             * @description What it should be, whatever the other arm does.
             * @default null
             */
            target?: number | null;
            /**
             * @description What it is measured in.
             * @enum {unknown}
             */
            unit: "points" | "score" | "seconds" | "share" | "usd";
            /**
             * @description Whether an arm in which nobody has any of it has so by design.
             * @default false
             */
            zero_is_known?: boolean;
        };
        /**
         * ReportedNothing
         * @description Nothing can be said, and why.
         */
        ReportedNothing: {
            /**
             * @description How it would have been computed; may be empty.
             * @default
             */
            method?: string;
            /** @description Why. */
            reason: string;
            /**
             * @description Kind and version of this document.
             * @enum {unknown}
             */
            type: "not computable";
        };
        /**
         * ReportedNovelty
         * @description How the effect changes with the days since somebody's exposure.
         */
        ReportedNovelty: {
            /** @description The effect in the first half of the days. */
            early: number;
            /** @description Whether an early effect wears off. */
            fades: boolean;
            /** @description Where its interval ends. */
            high: number;
            /** @description The effect in the second half. */
            late: number;
            /** @description Its decimal logarithm. */
            log10_p: number;
            /** @description Where its interval begins. */
            low: number;
            /** @description How likely more than this is by chance. */
            p: number;
            /** @description Change of the effect a day. */
            slope: number;
            /**
             * @description Kind and version of this document.
             * @enum {unknown}
             */
            type: "novelty";
        };
        /**
         * ReportedOutlook
         * @description How far a primary has come.
         */
        ReportedOutlook: {
            /** @description Persons still to come. */
            additional_users: number;
            /** @description The smallest effect to be found by now. */
            detectable_now: number;
            /** @description Power for the effect that matters, by now. */
            power_now: number;
            /**
             * @description Kind and version of this document.
             * @enum {unknown}
             */
            type: "outlook";
        };
        /**
         * ReportedPeople
         * @description Who was taken in.
         */
        ReportedPeople: {
            /** @description Of them, who came on each day (UTC). */
            by_day: {
                [key: string]: {
                    [key: string]: number;
                };
            };
            /** @description The first exposure, UTC. */
            first: string | null;
            /** @description Hashes of the flags that decided. */
            flags: string[];
            /** @description The latest exposure, UTC. */
            last: string | null;
            /** @description Persons by the arm they saw first. */
            persons: {
                [key: string]: number;
            };
            /** @description Persons who saw several arms. */
            several: number;
        };
        /**
         * ReportedPoint
         * @description What was known by the end of a day.
         */
        ReportedPoint: {
            /** @description The day (UTC). */
            day: string;
            /** @description In a way that may be looked at every day. */
            effect: components["schemas"]["ReportedEffect"] | components["schemas"]["ReportedNothing"];
            /** @description Persons until then. */
            persons: number;
        };
        /**
         * ReportedPosterior
         * @description What to believe of an effect now, with a flat prior.
         */
        ReportedPosterior: {
            /** @description The error of the interval. */
            alpha: number;
            /** @description Probability that the treatment is better. */
            chance_to_win: number;
            /** @description The effect. */
            estimate: number;
            /** @description Where its interval ends. */
            high: number;
            /** @description Where its interval begins. */
            low: number;
            /** @description Expected loss if the control is kept. */
            risk_control: number;
            /** @description Expected loss if the treatment is taken. */
            risk_treatment: number;
            /**
             * @description What the estimate is.
             * @enum {unknown}
             */
            scale: "difference" | "lift" | "odds ratio" | "probability" | "ratio";
            /** @description How uncertain it is. */
            standard_deviation: number;
            /**
             * @description Kind and version of this document.
             * @enum {unknown}
             */
            type: "posterior";
        };
        /**
         * ReportedQuestion
         * @description A statement that was asked of the warehouse.
         */
        ReportedQuestion: {
            /** @description Its parameters. */
            parameters: unknown[];
            /** @description The statement. */
            sql: string;
            /** @description What was asked. */
            title: string;
        };
        /**
         * ReportedSlice
         * @description An effect in one slice of people.
         */
        ReportedSlice: {
            /** @description The difference there. */
            effect: components["schemas"]["ReportedEffect"] | components["schemas"]["ReportedNothing"];
            /** @description Persons in it. */
            persons: number;
            /** @description What people are sliced by. */
            slice: string;
            /** @description Which slice. */
            value: string;
        };
        /**
         * ReportedTest
         * @description A test without an effect.
         */
        ReportedTest: {
            /**
             * @description Its degrees of freedom.
             * @default null
             */
            df?: number | null;
            /** @description Its decimal logarithm. */
            log10_p: number;
            /** @description How it was computed. */
            method: string;
            /** @description How likely more than this is by chance. */
            p: number;
            /** @description The test's statistic. */
            statistic: number;
            /**
             * @description Kind and version of this document.
             * @enum {unknown}
             */
            type: "test";
        };
        /**
         * ReviewCounts
         * @description How many cases wait for reviewers, about.
         */
        ReviewCounts: {
            /** @description Nobody has reviewed them. */
            first: number;
            /** @description One reviewer has. */
            second: number;
            /** @description Reviewers differ. */
            settling: number;
        };
        /**
         * ReviewQueue
         * @description A page of cases that wait for a reviewer.
         */
        ReviewQueue: {
            /** @description The latest opened first. */
            cases: components["schemas"]["CaseRow"][];
            /** @description As of lists of cases. */
            cursor: string | null;
            /** @description In all, whatever the filters. */
            waiting: components["schemas"]["ReviewCounts"];
        };
        /**
         * ReviewRequest
         * @description Says what the right classification was, and how urgent it was.
         */
        ReviewRequest: {
            /**
             * @description The right sub-area's code; null where the case belongs to none.
             * @example null
             */
            code: string | null;
            /**
             * @description Why; kept with the case and nowhere else.
             * @default
             * @example The dismissal came first; the debt is a consequence.
             */
            note?: string;
            /**
             * @description Who says so; a reviewer's later review takes the place of the earlier.
             * @example Ana
             */
            reviewer: string;
            /**
             * @description Decides what reviewers differ about; it alone counts for the case then.
             * @default false
             * @example false
             */
            settles?: boolean;
            /**
             * @description How urgent it was; null leaves that open.
             * @default null
             * @example high
             */
            urgency?: ("critical" | "high" | "low" | "medium") | null;
        };
        /**
         * ReviewView
         * @description A reviewer's latest review.
         */
        ReviewView: {
            /** @description The right sub-area; null for none. */
            code: string | null;
            /** @description Whether that was right. */
            correct: boolean;
            /** @description Why, in the reviewer's words. */
            note: string;
            /** @description What the result said when it was reviewed. */
            predicted: string | null;
            /** @description What the result said; null for reviews from before it was asked. */
            predicted_urgency: ("critical" | "high" | "low" | "medium") | null;
            /** @description Who says so. */
            reviewer: string;
            /** @description How urgent it was; null where that was left open. */
            urgency: ("critical" | "high" | "low" | "medium") | null;
        };
        /**
         * RotateRequest
         * @description For how long the token before may go on.
         */
        RotateRequest: {
            /**
             * @description So long it stays good; 0 ends it at once.
             * @default 86400
             */
            keep_seconds?: number;
        };
        /**
         * Scope
         * @description What a budget is for: everything, one operation, or one arm of an experiment.
         */
        Scope: {
            /**
             * @description What it is for.
             * @enum {unknown}
             */
            kind: "arm" | "global" | "operation";
            /**
             * @description The operation, or `experiment:variant`; empty for everything.
             * @default
             */
            name?: string;
        };
        /**
         * ShowWhen
         * @description When a field is there at all: another one has one of these answers.
         */
        ShowWhen: {
            /** @description Values of which it has at least one. */
            any_of: string[];
            /** @description The other field, which stands before. */
            field: string;
        };
        /**
         * Snapshot
         * @description The whole text so far, where the reader's place is unknown or no longer kept.
         */
        Snapshot: {
            /** @description All of the answer so far. */
            text: string;
            /**
             * @description Kind and version of this document. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "snapshot";
        };
        /**
         * StartRequest
         * @description Opens a case.
         */
        StartRequest: {
            /**
             * @description Targeting attributes for experiments.
             * @default {}
             * @example {
             *       "channel": "phone"
             *     }
             */
            attributes?: {
                [key: string]: string;
            };
            /**
             * @description Preferred language, such as pt-BR or en.
             * @default null
             * @example pt-BR
             */
            locale?: string | null;
            /**
             * @description Playbook id; the server's default if absent.
             * @default null
             * @example null
             */
            playbook?: string | null;
            /**
             * @description Your own reference of the person; not shown to anybody.
             * @default null
             * @example customer-4711
             */
            user_ref?: string | null;
        };
        /**
         * Started
         * @description A new case.
         */
        Started: {
            /**
             * @description The case, as `/start` named it.
             * @example 0f2b6c1d9e8a4757b3c2d1e0f9a8b7c6
             */
            case_id: string;
            /** @description The case's credential, returned only here: `Bearer` it. */
            case_token: string;
            /** @description Unix time in milliseconds. */
            created_at: number;
            /**
             * @description What to fill in and submit; null where the case is a conversation.
             * @default null
             */
            form?: components["schemas"]["Form"] | null;
            /** @description The locale the interview is held in. */
            locale: string;
            /** @description The greeting, with the first question. */
            message: string;
            /** @description What the person should know before they begin. */
            notice: string;
            /** @description Playbook id. */
            playbook: string;
            /** @description Playbook version. */
            playbook_version: string;
            /**
             * @description The interview is open.
             * @enum {unknown}
             */
            status: "active";
            /** @description v1: structured intake, a form; v2: conversation. */
            variant: string;
        };
        /**
         * Status
         * @description A word about what is going on while nothing visible happens.
         */
        Status: {
            /**
             * @description What goes on.
             * @enum {unknown}
             */
            status: "analysing" | "thinking";
            /**
             * @description Kind and version of this document. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "status";
        };
        /**
         * StatusView
         * @description Everything that a polling frontend needs.
         */
        StatusView: {
            /** @description Most likely first. */
            candidates: components["schemas"]["Candidate"][];
            /**
             * @description The case, as `/start` named it.
             * @example 0f2b6c1d9e8a4757b3c2d1e0f9a8b7c6
             */
            case_id: string;
            /**
             * @description As assessed so far.
             * @enum {unknown}
             */
            complexity: "high" | "low" | "medium";
            /** @description In the leading classification. */
            confidence: number;
            /** @description Unix time in milliseconds. */
            created_at: number;
            /** @description What was understood so far. */
            facts: components["schemas"]["KnownFact"][];
            /**
             * @description How it stands with a human; null if none was asked for.
             * @default null
             */
            handoff?: components["schemas"]["Handoff"] | null;
            /** @description The background analysis, where the result is made in one. */
            job: components["schemas"]["JobView"] | null;
            /** @description The case's locale. */
            locale: string;
            /** @description Required slots that are still unknown. */
            missing: string[];
            /** @description Playbook id. */
            playbook: string;
            /** @description Red flags raised so far. */
            red_flags: string[];
            /** @description Whether `/result/{id}` answers. */
            result_ready: boolean;
            /** @description The turn that is being answered, if any: follow it. */
            running: number | null;
            /**
             * @description The case's status.
             * @enum {unknown}
             */
            status: "active" | "completed";
            /** @description Turns accepted so far. */
            turns: number;
            /** @description Turns committed so far. */
            turns_done: number;
            /** @description Unix time in milliseconds. */
            updated_at: number;
            /** @description v1: structured intake, a form; v2: conversation. */
            variant: string;
        };
        /**
         * StreamClosing
         * @description This instance is going away: come back, to any other. It has no id.
         */
        StreamClosing: {
            /**
             * @description The event's name. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "stream.closing";
        };
        /**
         * Summary
         * @description The case retold twice.
         */
        Summary: {
            /** @description For the person. */
            plain: string;
            /** @description For whoever takes the case. */
            professional: string;
        };
        /**
         * TurnAnswer
         * @description A whole turn.
         */
        TurnAnswer: {
            /**
             * @description The result, once there is one.
             * @default null
             */
            analysis?: components["schemas"]["Analysis"] | null;
            /**
             * @description The case, as `/start` named it.
             * @example 0f2b6c1d9e8a4757b3c2d1e0f9a8b7c6
             */
            case_id: string;
            /**
             * @description As assessed so far.
             * @enum {unknown}
             */
            complexity: "high" | "low" | "medium";
            /** @description In the leading classification. */
            confidence: number;
            /**
             * @description Whether more will be asked.
             * @enum {unknown}
             */
            interview: "active" | "complete";
            /**
             * @description The background analysis, where the result is made in one.
             * @default null
             */
            job?: components["schemas"]["JobView"] | null;
            /** @description The interviewer's answer. */
            message: string;
            /** @description Required slots that are still unknown. */
            missing: string[];
            /**
             * @description `failed`: the message is kept, but nobody could answer it.
             * @enum {unknown}
             */
            outcome: "cancelled" | "completed" | "failed";
            /**
             * @description The case's status.
             * @enum {unknown}
             */
            status: "active" | "completed";
            /** @description Number of the turn, from 1. */
            turn: number;
        };
        /**
         * TurnCancelled
         * @description Somebody stopped the turn; what was said so far is kept.
         */
        TurnCancelled: {
            /** @description Characters (Unicode code points) of the message. */
            length: number;
            /** @description What was said until then. */
            message: string;
            /** @description SHA-256 of the message in UTF-8, hexadecimal. */
            sha256: string;
            /** @description Number of the turn. */
            turn: number;
            /**
             * @description Kind and version of this document. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "turn.cancelled";
        };
        /**
         * TurnCompleted
         * @description The turn is done and stored.
         */
        TurnCompleted: {
            /**
             * @description As assessed so far.
             * @enum {unknown}
             */
            complexity: "high" | "low" | "medium";
            /** @description In the leading classification. */
            confidence: number;
            /**
             * @description What had to be done in a lesser way, by name.
             * @default []
             */
            degradations?: string[];
            /**
             * @description How it stands with a human; absent while nobody asked for one.
             * @default null
             */
            handoff?: ("requested" | "returned" | "taken") | null;
            /**
             * @description Whether more will be asked.
             * @enum {unknown}
             */
            interview: "active" | "complete";
            /** @description Characters (Unicode code points) of the message. */
            length: number;
            /** @description The whole answer. */
            message: string;
            /** @description Required slots that are still unknown. */
            missing: string[];
            /**
             * @description The operator who speaks; absent where the interviewer does.
             * @default null
             */
            operator?: string | null;
            /** @description SHA-256 of the message in UTF-8, hexadecimal. */
            sha256: string;
            /**
             * @description The case's status.
             * @enum {unknown}
             */
            status: "active" | "completed";
            /** @description Number of the turn. */
            turn: number;
            /**
             * @description Kind and version of this document. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "turn.completed";
            /** @description What the turn took. */
            usage: components["schemas"]["TurnUsage"];
        };
        /** @description What happens in a turn. */
        TurnEvent: components["schemas"]["TurnStarted"] | components["schemas"]["Status"] | components["schemas"]["Delta"] | components["schemas"]["TurnRestarted"] | components["schemas"]["Snapshot"] | components["schemas"]["AnalysisQueued"] | components["schemas"]["TurnCompleted"] | components["schemas"]["TurnCancelled"] | components["schemas"]["TurnFailed"] | components["schemas"]["StreamClosing"];
        /**
         * TurnFailed
         * @description The turn could not be answered; the person's message is kept.
         */
        TurnFailed: {
            /** @description Why, by name. */
            code: string;
            /** @description A sentence fit to show. */
            message: string;
            /** @description Milliseconds until then. */
            retry_after_ms: number;
            /** @description Whether trying again makes sense. */
            retryable: boolean;
            /** @description Number of the turn. */
            turn: number;
            /**
             * @description Kind and version of this document. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "turn.failed";
        };
        /**
         * TurnRestarted
         * @description The turn begins again: drop the partial text.
         */
        TurnRestarted: {
            /** @description Counts from 1, across all instances. */
            attempt: number;
            /**
             * @description Another instance took over, another model did, or one is draining.
             * @enum {unknown}
             */
            reason: "handover" | "provider" | "takeover";
            /** @description Number of the turn. */
            turn: number;
            /**
             * @description Kind and version of this document. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "turn.restarted";
        };
        /**
         * TurnSnapshot
         * @description A turn as it stands.
         */
        TurnSnapshot: {
            /**
             * @description The case, as `/start` named it.
             * @example 0f2b6c1d9e8a4757b3c2d1e0f9a8b7c6
             */
            case_id: string;
            /** @description Resume the stream behind this id; null before the first. */
            last_event_id: string | null;
            /**
             * @description `queued`: earlier turns come first.
             * @enum {unknown}
             */
            status: "cancelled" | "completed" | "failed" | "queued" | "running";
            /** @description The answer so far, or all of it. */
            text: string;
            /** @description Number of the turn, from 1. */
            turn: number;
        };
        /**
         * TurnStarted
         * @description Somebody works on the turn.
         */
        TurnStarted: {
            /** @description Counts from 1, across all instances. */
            attempt: number;
            /** @description Number of the turn. */
            turn: number;
            /**
             * @description Kind and version of this document. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "turn.started";
            /** @description `v1`: a form; `v2`: a conversation. */
            variant: string;
        };
        /**
         * TurnUsage
         * @description Tokens of all attempts of a turn.
         */
        TurnUsage: {
            /** @description Calls of models. */
            attempts: number;
            /** @description Tokens read. */
            input: number;
            /** @description Who answered; null where no model did. */
            model: string | null;
            /** @description Tokens written. */
            output: number;
        };
        /**
         * Urgency
         * @description How soon something must happen.
         */
        Urgency: {
            /** @description The time limit that runs, if one does. */
            deadline: string | null;
            /** @description What to do at once. */
            immediate_actions: string[];
            /**
             * @description low, medium, high or critical.
             * @enum {unknown}
             */
            level: "critical" | "high" | "low" | "medium";
            /** @description Why, in plain words. */
            reason: string;
        };
        /**
         * VariationView
         * @description One of an experiment's variations.
         */
        VariationView: {
            /** @description What events know it as. */
            key: string;
            /** @description What people call it. */
            name: string;
            /** @description Its share of those who take part. */
            weight: number | null;
        };
        /**
         * Viability
         * @description A first look at how well the matter stands.
         */
        Viability: {
            /**
             * @description unknown where nobody has looked; rules alone never guess it.
             * @enum {unknown}
             */
            level: "high" | "low" | "medium" | "unknown";
            /** @description Why. */
            rationale: string;
            /** @description What speaks for the person. */
            strengths: string[];
            /** @description What speaks against, or is missing. */
            weaknesses: string[];
        };
        /**
         * WorkerList
         * @description Everybody who works.
         */
        WorkerList: {
            /** @description Those seen within 15 seconds. */
            workers: components["schemas"]["WorkerView"][];
        };
        /**
         * WorkerView
         * @description A living worker process.
         */
        WorkerView: {
            /**
             * @description Where it serves its metrics; null where it serves none.
             * @default null
             */
            metrics?: string | null;
            /** @description Host, process and a random part. */
            name: string;
            /** @description Unix time in milliseconds of its last sign of life. */
            seen_at: number;
            /** @description How many jobs it takes at once from each queue. */
            slots: {
                [key: string]: number;
            };
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type Analysis = components['schemas']['Analysis'];
export type AnalysisCompleted = components['schemas']['AnalysisCompleted'];
export type AnalysisFailed = components['schemas']['AnalysisFailed'];
export type AnalysisProgress = components['schemas']['AnalysisProgress'];
export type AnalysisQueued = components['schemas']['AnalysisQueued'];
export type AreaView = components['schemas']['AreaView'];
export type ArmVerdict = components['schemas']['ArmVerdict'];
export type AuditBreak = components['schemas']['AuditBreak'];
export type AuditList = components['schemas']['AuditList'];
export type AuditRow = components['schemas']['AuditRow'];
export type AuditVerdict = components['schemas']['AuditVerdict'];
export type Budget = components['schemas']['Budget'];
export type BudgetLimit = components['schemas']['BudgetLimit'];
export type BudgetList = components['schemas']['BudgetList'];
export type BudgetState = components['schemas']['BudgetState'];
export type BudgetView = components['schemas']['BudgetView'];
export type CallRow = components['schemas']['CallRow'];
export type Candidate = components['schemas']['Candidate'];
export type CaseCosts = components['schemas']['CaseCosts'];
export type CaseEvent = components['schemas']['CaseEvent'];
export type CaseExport = components['schemas']['CaseExport'];
export type CaseList = components['schemas']['CaseList'];
export type CaseRow = components['schemas']['CaseRow'];
export type CaseStatusChanged = components['schemas']['CaseStatusChanged'];
export type CaseTurn = components['schemas']['CaseTurn'];
export type CaseView = components['schemas']['CaseView'];
export type ChronologyEntry = components['schemas']['ChronologyEntry'];
export type Classification = components['schemas']['Classification'];
export type CodeView = components['schemas']['CodeView'];
export type ConcludeRequest = components['schemas']['ConcludeRequest'];
export type CostGroup = components['schemas']['CostGroup'];
export type CostReport = components['schemas']['CostReport'];
export type CountsView = components['schemas']['CountsView'];
export type Delta = components['schemas']['Delta'];
export type Documents = components['schemas']['Documents'];
export type EffectFigures = components['schemas']['EffectFigures'];
export type Estimate = components['schemas']['Estimate'];
export type ExperimentList = components['schemas']['ExperimentList'];
export type ExperimentReport = components['schemas']['ExperimentReport'];
export type ExperimentStanding = components['schemas']['ExperimentStanding'];
export type ExperimentView = components['schemas']['ExperimentView'];
export type Fact = components['schemas']['Fact'];
export type FactCorrected = components['schemas']['FactCorrected'];
export type FactRequest = components['schemas']['FactRequest'];
export type FeatureView = components['schemas']['FeatureView'];
export type FieldOption = components['schemas']['FieldOption'];
export type FieldProblem = components['schemas']['FieldProblem'];
export type Figures = components['schemas']['Figures'];
export type FlagView = components['schemas']['FlagView'];
export type FlagsTaken = components['schemas']['FlagsTaken'];
export type FlagsView = components['schemas']['FlagsView'];
export type Form = components['schemas']['Form'];
export type FormField = components['schemas']['FormField'];
export type FormMistake = components['schemas']['FormMistake'];
export type FormRequest = components['schemas']['FormRequest'];
export type FormSection = components['schemas']['FormSection'];
export type FormView = components['schemas']['FormView'];
export type GrowthBookHook = components['schemas']['GrowthBookHook'];
export type Handoff = components['schemas']['Handoff'];
export type HandoffList = components['schemas']['HandoffList'];
export type HandoffMessage = components['schemas']['HandoffMessage'];
export type HandoffRequested = components['schemas']['HandoffRequested'];
export type HandoffReturned = components['schemas']['HandoffReturned'];
export type HandoffRow = components['schemas']['HandoffRow'];
export type HandoffTaken = components['schemas']['HandoffTaken'];
export type Health = components['schemas']['Health'];
export type HeldAssignment = components['schemas']['HeldAssignment'];
export type HeldBrowser = components['schemas']['HeldBrowser'];
export type HeldDelivery = components['schemas']['HeldDelivery'];
export type HeldEvent = components['schemas']['HeldEvent'];
export type HookData = components['schemas']['HookData'];
export type HumanRequest = components['schemas']['HumanRequest'];
export type JobList = components['schemas']['JobList'];
export type JobView = components['schemas']['JobView'];
export type KeyIssued = components['schemas']['KeyIssued'];
export type KeyList = components['schemas']['KeyList'];
export type KeyRequest = components['schemas']['KeyRequest'];
export type KeyView = components['schemas']['KeyView'];
export type KnownFact = components['schemas']['KnownFact'];
export type LinkMade = components['schemas']['LinkMade'];
export type LinkOpened = components['schemas']['LinkOpened'];
export type LinkRequest = components['schemas']['LinkRequest'];
export type MessageRequest = components['schemas']['MessageRequest'];
export type Money = components['schemas']['Money'];
export type OperatorAnswer = components['schemas']['OperatorAnswer'];
export type OperatorCase = components['schemas']['OperatorCase'];
export type OperatorReply = components['schemas']['OperatorReply'];
export type OperatorRequest = components['schemas']['OperatorRequest'];
export type OpinionsView = components['schemas']['OpinionsView'];
export type Party = components['schemas']['Party'];
export type PlaybookList = components['schemas']['PlaybookList'];
export type PlaybookView = components['schemas']['PlaybookView'];
export type Problem = components['schemas']['Problem'];
export type Provenance = components['schemas']['Provenance'];
export type PushKey = components['schemas']['PushKey'];
export type PushKeys = components['schemas']['PushKeys'];
export type PushRequest = components['schemas']['PushRequest'];
export type PushTaken = components['schemas']['PushTaken'];
export type QueueFigures = components['schemas']['QueueFigures'];
export type RatingRequest = components['schemas']['RatingRequest'];
export type RatingView = components['schemas']['RatingView'];
export type RedFlagRaised = components['schemas']['RedFlagRaised'];
export type RedisHealth = components['schemas']['RedisHealth'];
export type ReportedAnalysis = components['schemas']['ReportedAnalysis'];
export type ReportedDeclaration = components['schemas']['ReportedDeclaration'];
export type ReportedEffect = components['schemas']['ReportedEffect'];
export type ReportedFinding = components['schemas']['ReportedFinding'];
export type ReportedHealth = components['schemas']['ReportedHealth'];
export type ReportedMetric = components['schemas']['ReportedMetric'];
export type ReportedNothing = components['schemas']['ReportedNothing'];
export type ReportedNovelty = components['schemas']['ReportedNovelty'];
export type ReportedOutlook = components['schemas']['ReportedOutlook'];
export type ReportedPeople = components['schemas']['ReportedPeople'];
export type ReportedPoint = components['schemas']['ReportedPoint'];
export type ReportedPosterior = components['schemas']['ReportedPosterior'];
export type ReportedQuestion = components['schemas']['ReportedQuestion'];
export type ReportedSlice = components['schemas']['ReportedSlice'];
export type ReportedTest = components['schemas']['ReportedTest'];
export type ReviewCounts = components['schemas']['ReviewCounts'];
export type ReviewQueue = components['schemas']['ReviewQueue'];
export type ReviewRequest = components['schemas']['ReviewRequest'];
export type ReviewView = components['schemas']['ReviewView'];
export type RotateRequest = components['schemas']['RotateRequest'];
export type Scope = components['schemas']['Scope'];
export type ShowWhen = components['schemas']['ShowWhen'];
export type Snapshot = components['schemas']['Snapshot'];
export type StartRequest = components['schemas']['StartRequest'];
export type Started = components['schemas']['Started'];
export type Status = components['schemas']['Status'];
export type StatusView = components['schemas']['StatusView'];
export type StreamClosing = components['schemas']['StreamClosing'];
export type Summary = components['schemas']['Summary'];
export type TurnAnswer = components['schemas']['TurnAnswer'];
export type TurnCancelled = components['schemas']['TurnCancelled'];
export type TurnCompleted = components['schemas']['TurnCompleted'];
export type TurnEvent = components['schemas']['TurnEvent'];
export type TurnFailed = components['schemas']['TurnFailed'];
export type TurnRestarted = components['schemas']['TurnRestarted'];
export type TurnSnapshot = components['schemas']['TurnSnapshot'];
export type TurnStarted = components['schemas']['TurnStarted'];
export type TurnUsage = components['schemas']['TurnUsage'];
export type Urgency = components['schemas']['Urgency'];
export type VariationView = components['schemas']['VariationView'];
export type Viability = components['schemas']['Viability'];
export type WorkerList = components['schemas']['WorkerList'];
export type WorkerView = components['schemas']['WorkerView'];
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
