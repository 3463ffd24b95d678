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

export function logInfo(logger: Logger, fields: object, message: string): void {
  if (logger.info) logger.info(fields, message);
  else if (logger.log) logger.log(fields, message);
  else logger.warn(fields, message);
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
