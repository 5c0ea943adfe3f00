/**
 * A bloom filter over the terms of a block: says that a term is certainly not in it, so that the block need not be read.
 * 10 bits a term and 7 positions each: one answer in a hundred is a false "maybe". Positions by double hashing (Kirsch and
 * Mitzenmacher, 2006), so that SQLite can compute them from two numbers.
 */

import type { Term } from './term.ts';
import type { TermIndex } from './term-index.ts';

const BITS_PER_TERM = 10;
export const BLOOM_POSITIONS = 7;
/** Set in the kind of a term that says: this key has more values than are in the block. */
const INCOMPLETE_KEY = 0x80;
const NOTHING = new Uint8Array(0);

/** Two numbers of 32 bits that stand for a term; position `i` of `bits` is `(first + i * second) % bits`. */
export interface TermHash {
  readonly first: number;
  readonly second: number;
}

export function hashTerm({ kind, key, type, value }: Omit<Term, 'kind'> & { readonly kind: number }): TermHash {
  const seeds = [0x811c9dc5, 0x9747b28c].map((seed) => {
    let hash = seed;
    hash = Math.imul(hash ^ kind, 0x01000193);
    hash = Math.imul(hash ^ type, 0x01000193);
    hash = Math.imul(hash ^ (key.length & 0xff), 0x01000193);
    hash = Math.imul(hash ^ (key.length >> 8), 0x01000193);
    for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key[i]!, 0x01000193);
    for (let i = 0; i < value.length; i++) hash = Math.imul(hash ^ value[i]!, 0x01000193);
    return mix(hash);
  });
  return { first: seeds[0]!, second: (seeds[1]! | 1) >>> 0 };
}

/** The hash under which a filter says that not all values of the term's key are in it. */
export function hashIncomplete({ kind, key }: Pick<Term, 'kind' | 'key'>): TermHash {
  return hashTerm({ kind: kind | INCOMPLETE_KEY, key, type: 0, value: NOTHING });
}

/** The filter of an index, or null when nothing can be ruled out by it. */
export function encodeBloom(index: TermIndex): Uint8Array | null {
  if (index.isIncomplete) return null;
  const terms = index.keys.reduce((sum, key) => sum + key.values.length + Number(key.isIncomplete), 0);
  const bloom = new Uint8Array(Math.ceil((Math.max(terms, 1) * BITS_PER_TERM) / 8));
  for (const { kind, key, isIncomplete, values } of index.keys) {
    if (isIncomplete) add(bloom, hashIncomplete({ kind, key }));
    for (const { type, value } of values) add(bloom, hashTerm({ kind, key, type, value }));
  }
  return bloom;
}

/** False when the term is certainly in none of the traces. */
export function mayHold(bloom: Uint8Array, term: Term): boolean {
  return has(bloom, hashTerm(term)) || has(bloom, hashIncomplete(term));
}

function add(bloom: Uint8Array, { first, second }: TermHash): void {
  const bits = bloom.length * 8;
  for (let i = 0; i < BLOOM_POSITIONS; i++) {
    const position = (first + i * second) % bits;
    bloom[Math.floor(position / 8)]! |= 1 << (position % 8);
  }
}

function has(bloom: Uint8Array, { first, second }: TermHash): boolean {
  const bits = bloom.length * 8;
  for (let i = 0; i < BLOOM_POSITIONS; i++) {
    const position = (first + i * second) % bits;
    if ((bloom[Math.floor(position / 8)]! & (1 << (position % 8))) === 0) return false;
  }
  return true;
}

/** The last step of MurmurHash3: every bit of the input changes every bit of the result. */
function mix(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
