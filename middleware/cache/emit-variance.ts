import type { Request, Response } from 'express';
import { noVarySearchOf } from '../../src/http/no-vary-search.js';
import type { CacheResponseOptions } from './options.js';

/** Sets the field on a response. */
export type VarianceEmitter = (req: Request, res: Response) => void;

/** Has the caches further down share responses as this one does, if `queryParams` says so. */
export function varianceEmitter({
  queryParams,
  key,
}: Pick<CacheResponseOptions, 'queryParams' | 'key'>): VarianceEmitter | undefined {
  // Where `key` decides, `queryParams` does not.
  if (!queryParams?.emit || key) return undefined;
  const isList = 'allow' in queryParams;
  const field = isList
    ? noVarySearchOf('only', queryParams.allow)
    : noVarySearchOf('all but', queryParams.ignore);
  return (req, res) => {
    // Other parsers than this one read `page[]=2` into `page`, which the field cannot say of any list.
    if (isList && req.app.get('query parser') !== 'simple') return;
    if (!res.hasHeader('No-Vary-Search')) res.setHeader('No-Vary-Search', field);
  };
}
