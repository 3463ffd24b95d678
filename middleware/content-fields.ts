import type { Response } from 'express';

// Besides Content-Length, which Express sets anew.
const OF_CONTENT = [
  'content-type',
  'content-encoding',
  'content-language',
  'content-location',
  'content-range',
  'content-disposition',
  'content-md5',
  'content-digest',
  'repr-digest',
  'digest',
  'etag',
  'last-modified',
  'trailer',
];

/** Takes away what describes the content of a response, because that content is not sent. */
export function removeContentFields(res: Response): void {
  for (const name of OF_CONTENT) res.removeHeader(name);
}
