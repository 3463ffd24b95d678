/** Whether a value must be awaited: a promise, or an object of another library that has a `then` method. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return false;
  return typeof (value as { then?: unknown }).then === 'function';
}

/**
 * Passes a value on in the same tick, or, when the value must be awaited, as soon as it has settled. A rejection
 * becomes the rejection of the result.
 *
 * @example
 * whenSettled(options.skip(req), (skipped) => skipped ? undefined : ask(req));
 */
export function whenSettled<Value, Result>(
  value: Value | PromiseLike<Value>,
  use: (value: Value) => Result | Promise<Result>,
): Result | Promise<Result> {
  // A thenable may call back twice, in the same tick, or throw. The promise lets it settle once, and later.
  return isThenable(value) ? Promise.resolve(value as PromiseLike<Value>).then(use) : use(value);
}

/**
 * Keeps the rejection of a value that is refused instead of awaited from ending the process. A thenable of another library
 * may call both of its arguments, so it gets them from a promise.
 */
export function ignoreRejection(value: unknown): void {
  if (isThenable(value)) Promise.resolve(value).catch(() => undefined);
}
