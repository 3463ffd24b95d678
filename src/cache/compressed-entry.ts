import { promisify } from 'node:util';
import { gunzip, gunzipSync, gzip } from 'node:zlib';
import { isCompressible } from '../http/content-coding.js';
import type { Entry, EntryHead } from './record.js';

const compress = promisify(gzip);
const decompress = promisify(gunzip);

/** An entry as it is stored compressed; who wants its plain bytes has them unpacked, once. */
export function codedEntry(head: EntryHead, coded: Buffer, isNear?: true): Entry {
  let plain: Buffer | undefined;
  return {
    head,
    coded,
    ...(isNear && { isNear }),
    get body() {
      plain ??= gunzipSync(coded);
      return plain;
    },
  };
}

/** The same with its plain bytes ready; unpacking a large body would hold up everybody else. */
export async function unpacked({ head, coded, isNear }: Entry & { coded: Buffer }): Promise<Entry> {
  return { head, coded, body: await decompress(coded), ...(isNear && { isNear }) };
}

/** The entry to be stored: compressed when it is large, of a kind that shrinks, and did. */
export async function packed(entry: Entry, aboveBytes: number): Promise<Entry> {
  const { coding: _, ...head } = entry.head;
  const plain = { head, body: entry.body };
  if (entry.body.length <= aboveBytes || !isCompressible(head)) return plain;
  const coded = await compress(entry.body);
  return coded.length < entry.body.length
    ? { head: { ...head, coding: 'gzip' }, body: entry.body, coded }
    : plain;
}
