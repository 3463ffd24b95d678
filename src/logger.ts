import { isThenable } from './settle.js';

/**
 * A logger with pino's calling convention: fields first, the message second. A logger without `info` gets the end of an
 * outage by `log` (Nest's Logger), or else as a warning (express-rate-limit's type).
 */
export interface Logger {
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  info?(fields: object, message: string): void;
  log?(fields: object, message: string): void;
}

export function logInfo(logger: Logger, fields: object, message: string): unknown {
  // An async logger returns a promise.
  if (logger.info) return logger.info(fields, message);
  return logger.log ? logger.log(fields, message) : logger.warn(fields, message);
}

const writeLine =
  (write: (text: string) => void) =>
  (fields: object, message: string): void => {
    const cause = (fields as { err?: unknown }).err;
    write(`express-redis-toolkit: ${message}${cause instanceof Error ? ` (${cause.message})` : ''}`);
  };

export const consoleLogger: Logger = {
  info: writeLine((text) => console.info(text)),
  warn: writeLine((text) => console.warn(text)),
  error: writeLine((text) => console.error(text)),
};

export const silentLogger: Logger = { info() {}, warn() {}, error() {} };

const calmLoggers = new WeakMap<Logger, Logger>();

/**
 * The same logger, whose failures stop nothing: it is called from timers and events, where a throw or a rejection would end
 * the process. What it fails to write goes to the console.
 */
export function calmLogger(logger: Logger): Logger {
  const calm = calmLoggers.get(logger) ?? {
    info: (fields, message) => writeCalmly(() => logInfo(logger, fields, message), 'info', fields, message),
    warn: (fields, message) => writeCalmly(() => logger.warn(fields, message), 'warn', fields, message),
    error: (fields, message) => writeCalmly(() => logger.error(fields, message), 'error', fields, message),
  };
  calmLoggers.set(logger, calm);
  // Calming it again changes nothing.
  calmLoggers.set(calm, calm);
  return calm;
}

function writeCalmly(
  write: () => unknown,
  level: 'info' | 'warn' | 'error',
  fields: object,
  message: string,
): void {
  const instead = () => consoleLogger[level]!(fields, message);
  try {
    const written = write();
    if (isThenable(written)) Promise.resolve(written).catch(instead);
  } catch {
    instead();
  }
}
