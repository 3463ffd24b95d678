import { ToolkitError } from '../errors.js';
import { aFunction } from '../read-options.js';

/** @throws ToolkitError `OPTION_INVALID` when an argument of a method of `cacheAside` is no function */
export function checkFunction(method: string, argument: string, value: unknown): void {
  const complaint = aFunction(value);
  if (complaint) {
    throw new ToolkitError('OPTION_INVALID', `cacheAside.${method}: argument "${argument}" ${complaint}`);
  }
}
