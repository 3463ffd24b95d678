import { isCompressible, type StoredCoding } from '../http/content-coding.js';
import { codecFor } from './codecs.js';
import type { Entry, EntryHead } from './record.js';

const codecOf = ({ coding = 'gzip' }: EntryHead) => codecFor(coding)!;

/** An entry that is stored compressed. Its body is unpacked when it is first read. */
export function codedEntry(head: EntryHead, coded: Buffer, isNear?: true): Entry {
  let plain: Buffer | undefined;
  return {
    head,
    coded,
    ...(isNear && { isNear }),
    get body() {
      plain ??= codecOf(head).unpackNow(coded);
      return plain;
    },
  };
}

/** The same entry with its body unpacked. Unpacking a large body in one go would block the event loop. */
export async function unpacked({ head, coded, isNear }: Entry & { coded: Buffer }): Promise<Entry> {
  return { head, coded, body: await codecOf(head).unpack(coded), ...(isNear && { isNear }) };
}

interface Compression {
  readonly compressAboveBytes?: number;
  readonly compressWith: StoredCoding;
}

/** The entry to be stored: compressed if it is large, if its type compresses well, and if that made it smaller. */
export async function packed(
  entry: Entry,
  { compressAboveBytes = Number.POSITIVE_INFINITY, compressWith: coding }: Compression,
): Promise<Entry> {
  const { coding: _, ...head } = entry.head;
  const plain = { head, body: entry.body };
  if (entry.body.length <= compressAboveBytes || !isCompressible(head)) return plain;
  const coded = await codecFor(coding)!.pack(entry.body);
  return coded.length < entry.body.length ? { head: { ...head, coding }, body: entry.body, coded } : plain;
}
