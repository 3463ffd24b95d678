/** The answer of a request that has happened. */
export interface KeptAnswer {
  readonly status: number;
  readonly fields: Readonly<Record<string, string | readonly string[]>>;
  /** Undefined when it was not kept: a stream, or too large. */
  readonly body: Buffer | undefined;
}

/** The same request runs at the moment. */
export interface RunsElsewhere {
  readonly state: 'running';
  /** Until its lease ends, unless it is renewed. */
  readonly leftMs: number;
}

/** An instruction for a request with an idempotency key. */
export type AttemptOutcome =
  /** Run the handler. The fence is higher than that of each earlier attempt. */
  | { readonly state: 'run'; readonly token: string; readonly fence: number }
  | RunsElsewhere
  | { readonly state: 'done'; readonly answer: KeptAnswer }
  /** The key was used for a request with another content. */
  | { readonly state: 'mismatch' }
  /** An earlier attempt stopped without a result. */
  | { readonly state: 'lost' };

/** The reply of Redis to an attempt that begins. `missing`: Redis has lost the key of an attempt that ran. */
export type FoundAttempt = AttemptOutcome | { readonly state: 'missing' };

export function foundAttempt(
  [state, first, second]: readonly (Buffer | number)[],
  token: string,
): FoundAttempt {
  const name = String(state);
  switch (name) {
    case 'run':
      return { state: name, token, fence: Number(String(first)) };
    case 'running':
      return { state: name, leftMs: Number(first) };
    case 'done':
      return { state: name, answer: keptAnswer(first as Buffer, second as Buffer) };
    case 'lost':
    case 'missing':
      return { state: name };
    default:
      return { state: 'mismatch' };
  }
}

export const headOf = ({ status, fields, body }: KeptAnswer): string =>
  JSON.stringify({ status, fields, ...(body ? {} : { isOmitted: true }) });

export function keptAnswer(head: Buffer, body: Buffer): KeptAnswer {
  const { isOmitted, status, fields } = JSON.parse(head.toString()) as KeptAnswer & { isOmitted?: true };
  return { status, fields, body: isOmitted ? undefined : body };
}
