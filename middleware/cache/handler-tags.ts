import type { Response } from 'express';
import { asOwnTag, checkTags } from '../../src/tags/index.js';
import { stateOf } from '../request-state.js';
import { captureResponse } from '../response/index.js';
import type {} from './options.js';

// The fields by which other caches learn of tags, and the separators in them.
const HEADERS = { 'surrogate-key': /\s+/, 'cache-tag': /\s*,\s*/ };

declare module '../request-state.js' {
  interface RequestState {
    /** The tags that the handler named with `res.cacheTags`. */
    handlerTags?: Set<string>;
  }
}

/** Gives the handler `res.cacheTags(...)`: for a response that may be cached, or a mutation that purges. */
export function offerCacheTags(res: Response): void {
  const state = stateOf(res.req);
  state.handlerTags ??= new Set();
  const named = state.handlerTags;
  res.cacheTags = (...tags) => {
    for (const tag of checkTags('res.cacheTags was given', tags)) named.add(tag);
  };
}

/** The tags that the handler named; headers that name them are for caches alone, and go no further. */
export function takeHandlerTags(res: Response): string[] {
  const tags = new Set(stateOf(res.req).handlerTags);
  for (const [header, separator] of Object.entries(HEADERS)) {
    const lines = [res.getHeader(header) ?? []].flat().map(String);
    for (const tag of lines.flatMap((line) => line.split(separator))) if (tag) tags.add(asOwnTag(tag));
    res.removeHeader(header);
  }
  return [...tags];
}

/** The tags of `res.cacheTags` until now: a handler that streams may name some after the head is sent. */
export const tagsNamed = (res: Response): string[] => [...(stateOf(res.req).handlerTags ?? [])];

/** Keeps the headers that name tags from the client of a response that the cache has nothing to do with. */
export function hideHandlerTags(res: Response, onHead?: () => void): void {
  captureResponse(res, {
    maxBodyBytes: 0,
    onHead() {
      onHead?.();
      takeHandlerTags(res);
      return { keep: false };
    },
    onTooLarge() {},
    onBody() {},
  });
}
