/** The id and the fence of an attempt, for the handler of a request with an idempotency key. */
export interface Idempotency {
  /**
   * The same for every attempt of one key. Commit it under a UNIQUE constraint in the transaction of the change: a later
   * attempt finds the row, and answers from it.
   */
  readonly id: string;
  /** Higher for each attempt: a store that refuses lower ones stops an attempt that has lost its lease. */
  readonly fence: number;
}

declare global {
  namespace Express {
    interface Request {
      /** Undefined for a request without an idempotency key, and without Redis. */
      idempotency?: Idempotency;
    }
  }
}

declare module '../request-state.js' {
  interface RequestState {
    /** The handler did not run: the answer is that of an earlier request, or a refusal. So nothing has changed. */
    isUnchanged?: true;
    /** A middleware of this kind has met the request: the first one counts. */
    idempotency?: true;
  }
}
