import { isMisconfigured, isUnavailable, ToolkitError } from '../errors.js';
import type { FallbackReporter } from '../fallback-reporter.js';
import type { Mutation } from './mutation.js';

/** How to treat changes whose tags Redis cannot mark. */
export interface UnmarkedChanges {
  readonly onUnavailable: 'refuse' | 'proceed';
  /** The consequences of both, for the log. */
  readonly consequences: { readonly refuse: string; readonly proceed: string };
  readonly reporter: FallbackReporter;
}

/**
 * Marks the tags of a change by `begin`. While Redis is away the change is refused, or goes on without a mark, and this is
 * reported.
 *
 * @throws ToolkitError `INVALIDATION_REFUSED`
 */
export async function markedUnlessUnavailable(
  begin: () => Promise<Mutation>,
  { onUnavailable, consequences, reporter }: UnmarkedChanges,
  request?: object,
): Promise<Mutation | undefined> {
  try {
    const mutation = await begin();
    reporter.succeeded();
    return mutation;
  } catch (cause) {
    if (isUnavailable(cause)) reporter.applied(onUnavailable, consequences[onUnavailable], cause, request);
    if (onUnavailable === 'refuse') throw refusedMutation(cause);
    return undefined;
  }
}

/** The error of a mutation that did not run because its marks could not be set. Another cause is returned as it is. */
function refusedMutation(cause: unknown): unknown {
  if (!isUnavailable(cause)) return cause;
  // Waiting does not cure a misconfiguration: the cause says what to change.
  const advice = isMisconfigured(cause) ? '' : ' Retry.';
  return new ToolkitError(
    'INVALIDATION_REFUSED',
    `The change was not made: the cache could not be told of it.${advice}`,
    { cause },
  );
}
