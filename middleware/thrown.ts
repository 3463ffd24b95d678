/**
 * What a function of the application threw, as an error for `next`. Nothing at all can be thrown, as by `Promise.reject()`,
 * and `next(undefined)` would let the request go on: past a limit, or past an authorization. So would the words that Express
 * takes for directions.
 */
export const thrownError = (thrown: unknown): unknown =>
  thrown && thrown !== 'route' && thrown !== 'router' ? thrown : new Error(`a function threw ${thrown}`);
