/** Reads the ring in the role of a consumer. Reading moves nothing; records leave the ring when they are released. */

import type { SpanData } from '../../model/span-data.ts';
import { Claim, type Owner } from './claim.ts';
import { RecordReader } from './record.ts';
import { Ring } from './ring.ts';
import { StringReader } from './strings.ts';

export interface Reading {
  /** In the order they were recorded. */
  readonly spans: SpanData[];
  /** The position after the last of them. */
  readonly end: number;
}

export class Consumer {
  readonly claim: Claim;
  readonly #ring: Ring;
  readonly #strings: StringReader;
  readonly #records: RecordReader;

  constructor(buffer: ArrayBufferLike, owner: Owner) {
    this.claim = new Claim(buffer, owner);
    this.#ring = new Ring(buffer);
    this.#strings = new StringReader(buffer);
    this.#records = new RecordReader(this.#ring.words, this.#strings);
  }

  /**
   * Reads from `position` until there is nothing more or `maxBytes` of the ring were read. null when there is
   * nothing, or when the role was lost meanwhile: then another consumer has these records.
   */
  read(position: number, maxBytes: number): Reading | null {
    const spans: SpanData[] = [];
    const head = this.#ring.head;
    let end = position;
    this.#strings.refresh();
    try {
      while ((end - position) >>> 0 < maxBytes) {
        const record = this.#ring.recordAt(end, head);
        if (!record) break;
        spans.push(this.#records.read(record.index));
        end = record.next;
      }
    } catch (error) {
      if (this.claim.holds()) throw error;
    }
    return spans.length > 0 && this.claim.holds() ? { spans, end } : null;
  }
}
