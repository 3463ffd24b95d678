import { createHash } from 'node:crypto';

// Clients choose the variant: without a bound they could fill Redis with the variants of one URL.
const VARIANT_SLOTS = 32;

// Two variants may share a slot: then the later one replaces the earlier one.
export function variantSlotOf(variant: string): number {
  return createHash('sha1').update(variant).digest().readUInt32BE() % VARIANT_SLOTS;
}
