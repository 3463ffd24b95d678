import { isMisconfigured, isUnavailable, ToolkitError } from '../errors.js';
import { withoutArguments } from './without-arguments.js';

// Errors that mean "Redis cannot serve at the moment", as opposed to "this command is wrong".
const CANNOT_SERVE = /^(LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|READONLY|OOM|MISCONF|NOREPLICAS)\b/;
const REFUSES_WRITES = /^(OOM|MISCONF|NOREPLICAS)\b/;
const NOT_SERVING_ANYTHING = /^(LOADING|BUSY|MASTERDOWN|NOAUTH|WRONGPASS)\b/;
// Errors of the configuration, of Redis or of the client: waiting does not help.
const FORBIDDEN = /^NOPERM\b|\bcan't run this command\b/;
const BAD_CREDENTIALS = /^(WRONGPASS|NOAUTH)\b|^ERR (invalid password|DB index is out of range)/;
const UNKNOWN_COMMAND = /\bunknown (redis )?command\b/i;
// Thrown by ioredis without asking Redis: the application has subscribed on this client. Waiting does not help.
const IN_SUBSCRIBER_MODE = /^Connection in subscriber mode/;

/** Whether a command's failure means that the server answers nobody. */
export function endsService(error: Error): boolean {
  return error.name === 'ReplyError'
    ? NOT_SERVING_ANYTHING.test(error.message)
    : !IN_SUBSCRIBER_MODE.test(error.message);
}

/** Whether Redis takes no writes at the moment, and answers reads: it is full, cannot save, or lacks replicas. */
export function refusesWrites(error: unknown): error is ToolkitError {
  return isUnavailable(error) && error.cause instanceof Error && REFUSES_WRITES.test(error.cause.message);
}

/** The toolkit's error for a command's failure. */
export function failureOf(name: string, cause: Error, endsService: boolean): ToolkitError {
  const misconfiguration = misconfigurationOf(name, cause);
  if (misconfiguration) return misconfiguration;
  if (endsService || CANNOT_SERVE.test(cause.message)) return unavailable(cause.message, cause);
  return IN_SUBSCRIBER_MODE.test(cause.message) ? inSubscriberMode(name, cause) : failed(name, cause);
}

/** The error of a command that fails because of an outage. */
export function failureOfOutage(name: string, outage: Error): ToolkitError {
  return misconfigurationOf(name, outage) ?? unavailable('it is not answering at the moment', outage);
}

/** The error of a failure that waiting does not cure; undefined when it does, or may. */
export function misconfigurationOf(name: string, cause: Error): ToolkitError | undefined {
  if (isMisconfigured(cause)) return cause;
  const { message } = withoutArguments(cause);
  const command = name.toUpperCase();
  if (FORBIDDEN.test(message)) {
    const hint =
      "allow the toolkit's commands, keys and channels in the ACL of its user (docs/redis-layout.md)";
    return misconfigured(`Redis forbids ${command} to this user: ${hint} (${message})`, cause);
  }
  if (BAD_CREDENTIALS.test(message)) {
    const hint = 'check username, password and database of the client';
    return misconfigured(`Redis refuses the connection: ${hint} (${message})`, cause);
  }
  if (UNKNOWN_COMMAND.test(message)) {
    const hint = 'check its version (7 or later) and that no command is renamed or disabled';
    return misconfigured(`Redis does not know a command that ${command} needs: ${hint} (${message})`, cause);
  }
  return undefined;
}

function misconfigured(message: string, cause: Error): ToolkitError {
  return new ToolkitError('REDIS_MISCONFIGURED', message, { cause });
}

function inSubscriberMode(name: string, cause: Error): ToolkitError {
  const message = `the client given as redis is subscribed and cannot send ${name.toUpperCase()}: give a client of its own, and listen with subscriber()`;
  return new ToolkitError('REDIS_IN_SUBSCRIBER_MODE', message, { cause });
}

export function unavailable(message: string, cause?: Error): ToolkitError {
  const options = cause && { cause: withoutArguments(cause) };
  return new ToolkitError('REDIS_UNAVAILABLE', `Redis is unavailable: ${message}`, options);
}

export function failed(name: string, cause: Error): ToolkitError {
  const { message } = withoutArguments(cause);
  return new ToolkitError('REDIS_COMMAND_FAILED', `Redis refused ${name.toUpperCase()}: ${message}`, {
    cause,
  });
}
