/**
 * The message of an error with its cause, for operators: which server it was, and whether that has a name. A reply of Redis
 * stays out, because it may repeat arguments.
 */
export function messageWithCause(error: unknown): string {
  const { message, cause } = error as Error;
  if (!(cause instanceof Error) || cause.name === 'ReplyError' || message.includes(cause.message))
    return message;
  return `${message} (${cause.message})`;
}
