import compressible from 'compressible';
import Negotiator from 'negotiator';
import { cacheControlOf } from './cache-control.js';
import { combined, type Fields, linesOf, namesIn } from './fields.js';

// Fields that describe the exact bytes of the body.
const DIGESTS = ['digest', 'content-digest', 'repr-digest', 'content-md5'];

/** Whether a response may be stored in another coding than the handler's (RFC 9110 §7.7: not with `no-transform`). */
export function isCompressible({ status, fields }: { status: number; fields: Fields }): boolean {
  const type = combined(fields, 'content-type');
  if (status !== 200 || type === undefined || !compressible(type)) return false;
  if (fields['content-encoding'] !== undefined || cacheControlOf(fields).has('no-transform')) return false;
  return DIGESTS.every((name) => fields[name] === undefined);
}

/** The codings in which a body may be stored. */
export type StoredCoding = 'gzip' | 'br' | 'zstd';

/** Whether a request likes a coding better than the plain bytes, in which ranges count. */
export function takesCoding(request: Fields, coding: StoredCoding): boolean {
  if (request['accept-encoding'] === undefined || request.range !== undefined) return false;
  const headers = { 'accept-encoding': combined(request, 'accept-encoding') };
  return new Negotiator({ headers }).encoding([coding, 'identity']) === coding;
}

/** The fields of the coded representation. Its bytes differ, so it must not have the strong tag (RFC 9110 §8.8.1). */
export function codedFields(fields: Fields, coding: StoredCoding): Fields {
  const [etag] = linesOf(fields, 'etag');
  const coded = { ...fields, 'content-encoding': coding };
  return etag?.startsWith('"') ? { ...coded, etag: `W/${etag}` } : coded;
}

/** `Vary` of a response whose coding depends on the request, whatever coding it has (RFC 9110 §12.5.5). */
export function varyByCoding(fields: Fields): string {
  const vary = combined(fields, 'vary');
  if (vary === undefined) return 'Accept-Encoding';
  return namesIn(fields, 'vary').includes('accept-encoding') ? vary : `${vary}, Accept-Encoding`;
}
