/** What the toolkit needs of a logger: pino's calling convention, fields first and the message second. */
export interface Logger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const line =
  (write: (text: string) => void) =>
  (fields: object, message: string): void => {
    const cause = (fields as { err?: unknown }).err;
    write(`express-redis-toolkit: ${message}${cause instanceof Error ? ` (${cause.message})` : ''}`);
  };

export const consoleLogger: Logger = {
  info: line((text) => console.info(text)),
  warn: line((text) => console.warn(text)),
  error: line((text) => console.error(text)),
};

export const silentLogger: Logger = { info() {}, warn() {}, error() {} };
