import { diagnose, findLocks } from '../operations/index.js';
import type { Command } from './context.js';
import { shortTime, table } from './output.js';

export const listLocks: Command = async (_words, { redis, where }) => {
  const locks = await findLocks(redis, where);
  const rows = locks.map(({ resource, expiresInMs }) => [resource, shortTime(expiresInMs)]);
  return {
    json: locks,
    lines: rows.length > 0 ? table(['RESOURCE', 'EXPIRES UNLESS RENEWED'], rows) : ['No lock is held.'],
  };
};

const MARKS = { ok: 'ok      ', warning: 'warning ', problem: 'PROBLEM ' } as const;

export const doctor: Command = async (_words, { redis, where }) => {
  const diagnoses = await diagnose(redis, where);
  return {
    json: diagnoses,
    lines: diagnoses.flatMap(({ check, server, level, found, means }) => [
      `${MARKS[level]} ${check}${server === undefined ? '' : ` of ${server}`}: ${found}`,
      `          ${means}`,
    ]),
    exitCode: diagnoses.some(({ level }) => level === 'problem') ? 1 : 0,
  };
};
