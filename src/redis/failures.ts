import { ToolkitError } from '../errors.js';

// Errors that mean "Redis cannot serve at the moment", as opposed to "this command is wrong".
const CANNOT_SERVE =
  /^(LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|READONLY|OOM|MISCONF|NOREPLICAS|NOAUTH|NOPERM)\b/;
const NOT_SERVING_ANYTHING = /^(LOADING|BUSY|MASTERDOWN|NOAUTH)\b/;
// Thrown by ioredis without asking Redis: the application has subscribed on this client. Waiting does not help.
const IN_SUBSCRIBER_MODE = /^Connection in subscriber mode/;

/** Whether a command's failure means that the server answers nobody. */
export function endsService(error: Error): boolean {
  return error.name === 'ReplyError'
    ? NOT_SERVING_ANYTHING.test(error.message)
    : !IN_SUBSCRIBER_MODE.test(error.message);
}

/** The toolkit's error for a command's failure. */
export function failureOf(name: string, cause: Error, endsService: boolean): ToolkitError {
  if (endsService || CANNOT_SERVE.test(cause.message)) return unavailable(cause.message, cause);
  return IN_SUBSCRIBER_MODE.test(cause.message) ? inSubscriberMode(name, cause) : failed(name, cause);
}

function inSubscriberMode(name: string, cause: Error): ToolkitError {
  const message = `the client given as redis is subscribed and cannot send ${name.toUpperCase()}: give a client of its own, and listen with subscriber()`;
  return new ToolkitError('REDIS_IN_SUBSCRIBER_MODE', message, { cause });
}

export function unavailable(message: string, cause?: Error): ToolkitError {
  return new ToolkitError('REDIS_UNAVAILABLE', `Redis is unavailable: ${message}`, cause && { cause });
}

export function failed(name: string, cause: Error): ToolkitError {
  return new ToolkitError('REDIS_COMMAND_FAILED', `Redis refused ${name.toUpperCase()}: ${cause.message}`, {
    cause,
  });
}
