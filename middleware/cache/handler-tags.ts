import type { Response } from 'express';
import { namesGiven } from '../../src/tags/index.js';
import { captureResponse } from '../response/index.js';
import type {} from './options.js';

const named = Symbol('express-redis-toolkit.cacheTags');

// By which other caches are told of tags, and what separates them there.
const HEADERS = { 'surrogate-key': /\s+/, 'cache-tag': /\s*,\s*/ };

type Tagged = Response & { [named]?: Set<string> };

/** Gives the handler `res.cacheTags(...)`. */
export function offerCacheTags(res: Tagged): void {
  res[named] ??= new Set();
  res.cacheTags = (...tags) => {
    for (const tag of namesGiven('res.cacheTags was given', tags)) res[named]?.add(tag);
  };
}

/** The tags that the handler named; headers that name them are for caches alone, and go no further. */
export function takeHandlerTags(res: Tagged): string[] {
  const tags = new Set(res[named]);
  for (const [header, separator] of Object.entries(HEADERS)) {
    const lines = [res.getHeader(header) ?? []].flat().map(String);
    for (const tag of lines.flatMap((line) => line.split(separator))) if (tag) tags.add(tag);
    res.removeHeader(header);
  }
  return [...tags];
}

/** The tags of `res.cacheTags` until now: who streams names some after the head is gone. */
export const tagsNamed = (res: Tagged): string[] => [...(res[named] ?? [])];

/** Keeps the headers that name tags from the client of a response that the cache has nothing to do with. */
export function hideHandlerTags(res: Tagged): void {
  captureResponse(res, {
    maxBodyBytes: 0,
    onHead() {
      takeHandlerTags(res);
      return { keep: false };
    },
    onTooLarge() {},
    onBody() {},
  });
}
