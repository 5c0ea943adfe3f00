/** Reads the heads of one append frame (`model/append-frame.ts`), slice by slice, its operations known to the shard. */

import type { Operations } from './columns/operations.ts';

export class HeadCursor {
  readonly view: DataView;
  /** Where the next slice's heads begin. */
  at: number;
  /** The shard's operation ids by the frame's. */
  readonly operations: Uint16Array;

  constructor(heads: Uint8Array, operations: Operations) {
    this.view = new DataView(heads.buffer, heads.byteOffset, heads.byteLength);
    const count = this.view.getUint16(0, true);
    this.operations = new Uint16Array(count);
    let at = 2;
    for (let i = 0; i < count; i++) {
      const start = at + 4;
      const middle = start + this.view.getUint16(at, true);
      const end = middle + this.view.getUint16(at + 2, true);
      this.operations[i] = operations.intern(heads, start, middle, end);
      at = end;
    }
    this.at = at;
  }
}
