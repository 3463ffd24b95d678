import { theWord } from './arguments.js';
import { type Command, NotConfirmed } from './context.js';
import { table } from './output.js';

export const listSessions: Command = async ([user], { operations }) => {
  const sessions = await operations.sessions.list(theWord('user', user));
  const rows = sessions.map(({ handle, createdAt, lastSeenAt, device }) => [
    handle,
    createdAt.toISOString(),
    lastSeenAt.toISOString(),
    device ? JSON.stringify(device) : '-',
  ]);
  return {
    json: sessions,
    lines: rows.length > 0 ? table(['SESSION', 'CREATED', 'LAST SEEN', 'DEVICE'], rows) : ['No session.'],
    exitCode: rows.length > 0 ? 0 : 1,
  };
};

export const endSessions: Command = async ([user, handle], { operations, confirm, act }) => {
  const name = theWord('user', user);
  if (handle === undefined) {
    const { length } = await operations.sessions.list(name);
    if (length > 1 && !(await confirm(`End ${length} sessions of ${name}?`))) throw new NotConfirmed();
  }
  const on = { user: name, ...(handle !== undefined && { handle }) };
  const ended = await act('sessions/end', on, () => operations.sessions.end(name, handle));
  return { json: { user: name, ended }, lines: [`${ended} ended.`], exitCode: ended > 0 ? 0 : 1 };
};
