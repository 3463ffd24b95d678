import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import type { StoredCoding } from '../http/content-coding.js';

interface Codec {
  pack(plain: Buffer): Promise<Buffer>;
  unpack(coded: Buffer): Promise<Buffer>;
  unpackNow(coded: Buffer): Buffer;
}

// The default of 11 is for files that are compressed once for all: it takes seconds for a megabyte.
const BROTLI = { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 5 } };
const brotli = promisify<Buffer, zlib.BrotliOptions, Buffer>(zlib.brotliCompress);

const gzip: Codec = {
  pack: promisify<Buffer, Buffer>(zlib.gzip),
  unpack: promisify<Buffer, Buffer>(zlib.gunzip),
  unpackNow: (coded) => zlib.gunzipSync(coded),
};
const br: Codec = {
  pack: (plain) =>
    brotli(plain, { params: { ...BROTLI.params, [zlib.constants.BROTLI_PARAM_SIZE_HINT]: plain.length } }),
  unpack: promisify<Buffer, Buffer>(zlib.brotliDecompress),
  unpackNow: (coded) => zlib.brotliDecompressSync(coded),
};
// Node has it from 22.15 on.
type WithCallback = (bytes: Buffer, done: (error: Error | null, result: Buffer) => void) => void;
const { zstdCompress, zstdDecompress, zstdDecompressSync } = zlib as {
  readonly zstdCompress?: WithCallback;
  readonly zstdDecompress?: WithCallback;
  readonly zstdDecompressSync?: Codec['unpackNow'];
};
const zstd: Codec | undefined =
  zstdCompress && zstdDecompress && zstdDecompressSync
    ? {
        pack: promisify(zstdCompress),
        unpack: promisify(zstdDecompress),
        unpackNow: zstdDecompressSync,
      }
    : undefined;

const codecs: Readonly<Record<StoredCoding, Codec | undefined>> = { gzip, br, zstd };

/** How this process codes and decodes; undefined for a coding that its Node does not have. */
export const codecFor = (coding: StoredCoding): Codec | undefined => codecs[coding];
