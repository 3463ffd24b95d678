/** A logger with pino's calling convention: fields first, the message second. */
export interface Logger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
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
