/**
 * What a function of the application threw, as an error for `next`. Nothing at all can be thrown, as by `Promise.reject()`,
 * and `next(undefined)` would let the request go on: past a limit, or past an authorization.
 */
export const thrownError = (thrown: unknown): unknown => thrown || new Error(`a function threw ${thrown}`);
