// "ERR unknown command 'x', with args beginning with: …" quotes the arguments.
const QUOTED_ARGUMENTS = /, with args beginning with:[^\n]*/;
const NESTED = ['cause', 'lastNodeError', 'previousErrors', 'errors'] as const;

type ErrorFields = { command?: { name?: unknown; args?: unknown } } & Partial<
  Record<(typeof NESTED)[number], unknown>
>;

/**
 * Removes the arguments of commands from an error of ioredis and from the errors inside it, and returns it. They may be a
 * password, a session or a cookie, and loggers write the fields of an error.
 */
export function withoutArguments<Failure>(error: Failure): Failure {
  strip(error, new Set());
  return error;
}

function strip(value: unknown, seen: Set<unknown>): void {
  if (Array.isArray(value)) {
    for (const item of value) strip(item, seen);
    return;
  }
  if (!(value instanceof Error) || seen.has(value)) return;
  seen.add(value);
  const fields = value as ErrorFields;
  if (fields.command?.args !== undefined) fields.command = { name: fields.command.name };
  if (QUOTED_ARGUMENTS.test(value.message)) {
    value.stack = value.stack?.replace(QUOTED_ARGUMENTS, '') ?? '';
    value.message = value.message.replace(QUOTED_ARGUMENTS, '');
  }
  for (const name of NESTED) strip(fields[name], seen);
}
