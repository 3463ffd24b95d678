import type { Response } from 'express';
import { recordOf } from '../request-record.js';

declare module '../request-record.js' {
  interface RequestRecord {
    /** What the response is held for. */
    heldUntil?: Promise<void> | undefined;
    /** Calls that were held are going on. */
    isReleasing?: boolean;
    /** How many holds the response has, one around the other. */
    holds?: number;
    /** The innermost hold that has dropped what it held: the first is 1. */
    droppedBy?: number;
  }
}

/** Whether one of the first so many holds has dropped the handler's answer: that of an error handler takes its place. */
export function isDroppedWithin(holds: number, { req }: Response): boolean {
  const { droppedBy } = recordOf(req);
  return droppedBy !== undefined && droppedBy <= holds;
}

/** How many holds are inside what begins now. */
export const holdsInside = ({ req }: Response): number => recordOf(req).holds ?? 0;

/** Resolves when nothing holds the response any more: to whether it went on as it was. */
export async function hasGoneOn({ req }: Response): Promise<boolean> {
  for (;;) {
    const { heldUntil } = recordOf(req);
    if (!heldUntil) return true;
    try {
      await heldUntil;
    } catch {
      return false;
    }
  }
}
