import type { Response } from 'express';
import { stateOf } from '../request-state.js';

declare module '../request-state.js' {
  interface RequestState {
    /** The hold waits for this. */
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
  const { droppedBy } = stateOf(req);
  return droppedBy !== undefined && droppedBy <= holds;
}

/** How many holds are inside what begins now. */
export const holdsInside = ({ req }: Response): number => stateOf(req).holds ?? 0;

/** Resolves when nothing holds the response any more: to whether it went on as it was. */
export async function hasGoneOn({ req }: Response): Promise<boolean> {
  for (;;) {
    const { heldUntil } = stateOf(req);
    if (!heldUntil) return true;
    try {
      await heldUntil;
    } catch {
      return false;
    }
  }
}
