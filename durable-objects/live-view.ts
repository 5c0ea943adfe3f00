/** A live trace as `TraceView`: one version of each span, its parents found. One object that is loaded again and again. */

import { IS_ERROR, IS_PAGE, KIND_BITS } from '../model/append-frame.ts';
import { decodeSpans } from '../model/otlp/decode.ts';
import type { Span } from '../model/span.ts';
import { grown } from './columns/grown.ts';
import type { Operations } from './columns/operations.ts';
import { IS_DECIDED, IS_MEASURED, IS_RECALLED, IS_STORED, type SpanColumns } from './columns/span-columns.ts';
import { CERTAIN, type TraceColumns } from './columns/trace-columns.ts';
import type { TraceView } from './trace-view.ts';
import { formatWords } from './trace-words.ts';

const SERVER = 2;
const COUNTED = IS_DECIDED | IS_STORED | IS_MEASURED;

export interface LiveViewDeps {
  /** Any 32-bit number that senders cannot know. */
  readonly seed: number;
  readonly traces: TraceColumns;
  readonly spans: SpanColumns;
  readonly operations: Operations;
  /** Explicit randomness of traces that came with `ot=rv`. */
  readonly randomness: ReadonlyMap<number, { readonly high: number; readonly low: number }>;
  /** OTLP bytes of a trace's slices in memory's reach. */
  readonly readSlices: (trace: number) => Uint8Array;
}

export class LiveView implements TraceView {
  private readonly deps: LiveViewDeps;
  private trace = -1;
  /** Rows of the spans that stand, in order of arrival; and for each the index of its parent. */
  private rows = new Int32Array(64);
  private parents = new Int32Array(64);
  /** Spans of the same span id: index of the next, -1 at the end. */
  private twin = new Int32Array(64);
  /** Some spans share an id. */
  private hasTwins = false;
  /** Index + 1 of the first span by hash of its id; less than 0 for a missing parent; 0 for none. */
  private table = new Int32Array(256);
  private mask = 0;
  private missing0 = new Uint32Array(64);
  private missing1 = new Uint32Array(64);
  private decodedSpans: readonly Span[] | null = null;

  spanCount = 0;
  errorCount = 0;
  openCount = 0;
  /** Distinct spans that others name as their parent and that have not come. */
  missingParents = 0;
  startUs = 0;
  durationUs = 0;
  root = 0;
  rootEnded = false;
  headProbability = 1;
  /** Versions of spans in whose stead a better one stands. */
  copies = 0;

  constructor(deps: LiveViewDeps) {
    this.deps = deps;
  }

  /**
   * Shows trace `trace`, which must have a span: its slices up to but not including number `sliceEnd`. With `merges`,
   * versions that do not stand are released.
   */
  load(trace: number, sliceEnd: number, merges: boolean): this {
    this.trace = trace;
    this.decodedSpans = null;
    this.copies = 0;
    this.collect(sliceEnd, merges);
    this.findParents();
    this.sumUp();
    return this;
  }

  get traceId(): string {
    const { id0, id1, id2, id3 } = this.deps.traces;
    return formatWords([id0[this.trace]!, id1[this.trace]!, id2[this.trace]!, id3[this.trace]!]);
  }

  get randomHigh(): number {
    const explicit = this.deps.randomness.get(this.trace);
    // Bytes 9 to 11, most significant first; words are little-endian.
    return explicit ? explicit.high : swap(this.deps.traces.id2[this.trace]!) & 0xffffff;
  }

  get randomLow(): number {
    const explicit = this.deps.randomness.get(this.trace);
    return explicit ? explicit.low : swap(this.deps.traces.id3[this.trace]!) >>> 0;
  }

  get bytes(): number {
    return this.deps.traces.undecidedBytes[this.trace]!;
  }

  operation(i: number): number {
    return this.deps.spans.operation[this.rows[i]!]!;
  }

  service(i: number): string {
    return this.deps.operations.service(this.operation(i));
  }

  name(i: number): string {
    return this.deps.operations.name(this.operation(i));
  }

  kind(i: number): number {
    return this.deps.spans.bits[this.rows[i]!]! & KIND_BITS;
  }

  isError(i: number): boolean {
    return (this.deps.spans.bits[this.rows[i]!]! & IS_ERROR) !== 0;
  }

  startUsOf(i: number): number {
    return this.deps.spans.startUs[this.rows[i]!]!;
  }

  endUsOf(i: number): number {
    return this.deps.spans.endUs[this.rows[i]!]!;
  }

  parent(i: number): number {
    return this.parents[i]!;
  }

  weight(i: number): number {
    return this.deps.spans.weight[this.rows[i]!]!;
  }

  isMeasured(i: number): boolean {
    return (this.deps.spans.bits[this.rows[i]!]! & IS_MEASURED) !== 0;
  }

  /** Row of span `i` in the columns. */
  row(i: number): number {
    return this.rows[i]!;
  }

  /** True when the span names no parent. */
  isRoot(i: number): boolean {
    const { parent0, parent1 } = this.deps.spans;
    return parent0[this.rows[i]!] === 0 && parent1[this.rows[i]!] === 0;
  }

  decoded(): readonly Span[] {
    this.decodedSpans ??= decodeSpans(this.deps.readSlices(this.trace), 'live');
    return this.decodedSpans;
  }

  /** Fills `rows` with the versions that stand. */
  private collect(sliceEnd: number, merges: boolean): void {
    const { traces, spans } = this.deps;
    this.prepare(traces.spanCount[this.trace]!);
    const { mask } = this;
    this.hasTwins = false;
    let count = 0;
    let previous = -1;
    for (let row = traces.spanHead[this.trace]!; row !== -1; ) {
      const next = spans.next[row]!;
      const inRange = spans.slice[row]! < sliceEnd;
      let at = this.hash(spans.id0[row]!, spans.id1[row]!) & mask;
      let first = this.table[at]! - 1;
      while (first !== -1 && !this.isSameId(first, row)) {
        at = (at + 1) & mask;
        first = this.table[at]! - 1;
      }
      let same = -1;
      for (let twin = first; twin !== -1; twin = this.twin[twin]!) if (this.isSameHalf(twin, row)) same = twin;
      if (!inRange) {
        previous = row;
      } else if (same === -1) {
        this.rows[count] = row;
        this.twin[count] = first;
        this.hasTwins ||= first !== -1;
        this.table[at] = count + 1;
        count++;
        previous = row;
      } else {
        // The better version takes the place in the list of the one that came first.
        const standing = this.rows[same]!;
        // Two that have been recalled were counted when they first came.
        if ((spans.bits[standing]! & spans.bits[row]! & IS_RECALLED) === 0) this.copies++;
        // What has been counted of one version has been counted of all.
        const counted = (spans.bits[standing]! | spans.bits[row]!) & COUNTED;
        spans.bits[standing]! |= counted;
        spans.bits[row]! |= counted;
        if (merges) {
          const recalled = (spans.bits[standing]! | spans.bits[row]!) & IS_RECALLED;
          if (isBetter(spans, standing, row)) this.take(standing, row);
          spans.bits[standing]! |= recalled;
          spans.next[previous] = next;
          spans.release(row);
          traces.spanCount[this.trace]!--;
        } else {
          if (isBetter(spans, standing, row)) this.rows[same] = row;
          previous = row;
        }
      }
      row = next;
    }
    traces.spanTail[this.trace] = previous;
    this.spanCount = count;
  }

  /** Copies the version in `row` over `standing`, which stays with the slice that it came first with: a block may end before the other. */
  private take(standing: number, row: number): void {
    const { spans } = this.deps;
    spans.parent0[standing] = spans.parent0[row]!;
    spans.parent1[standing] = spans.parent1[row]!;
    spans.startUs[standing] = spans.startUs[row]!;
    spans.endUs[standing] = spans.endUs[row]!;
    spans.operation[standing] = spans.operation[row]!;
    spans.bits[standing] = spans.bits[row]!;
    spans.weight[standing] = spans.weight[row]!;
    spans.bytes[standing] = spans.bytes[row]!;
  }

  private findParents(): void {
    const { spans } = this.deps;
    const { mask } = this;
    let missing = 0;
    for (let i = 0; i < this.spanCount; i++) {
      const row = this.rows[i]!;
      const parent0 = spans.parent0[row]!;
      const parent1 = spans.parent1[row]!;
      this.parents[i] = -1;
      // A server half of a shared span is the child of its client half.
      let twin = this.hasTwins ? this.halfOf(i) : -1;
      if (twin === -1 && (parent0 !== 0 || parent1 !== 0)) {
        let at = this.hash(parent0, parent1) & mask;
        for (let entry = this.table[at]!; entry !== 0; entry = this.table[at]!) {
          if (entry < 0) {
            if (this.missing0[-entry - 1] === parent0 && this.missing1[-entry - 1] === parent1) break;
          } else if (spans.id0[this.rows[entry - 1]!] === parent0 && spans.id1[this.rows[entry - 1]!] === parent1) {
            break;
          }
          at = (at + 1) & mask;
        }
        const entry = this.table[at]!;
        if (entry > 0) twin = this.serverAmong(entry - 1);
        else if (entry === 0) {
          this.missing0[missing] = parent0;
          this.missing1[missing] = parent1;
          this.table[at] = -++missing;
        }
      }
      if (twin !== i) this.parents[i] = twin;
    }
    this.missingParents = missing;
  }

  /** The client half of span `i`'s id where `i` is the server half, else -1. */
  private halfOf(i: number): number {
    const { spans } = this.deps;
    if ((spans.bits[this.rows[i]!]! & KIND_BITS) !== SERVER) return -1;
    for (let twin = this.firstOf(i); twin !== -1; twin = this.twin[twin]!) {
      if (twin !== i && (spans.bits[this.rows[twin]!]! & KIND_BITS) !== SERVER) return twin;
    }
    return -1;
  }

  /** Of the spans with one id, the server half: what is done there is its child. */
  private serverAmong(first: number): number {
    for (let twin = first; twin !== -1; twin = this.twin[twin]!) {
      if ((this.deps.spans.bits[this.rows[twin]!]! & KIND_BITS) === SERVER) return twin;
    }
    return first;
  }

  /** The first in the list of spans that share the id of span `i`. */
  private firstOf(i: number): number {
    const { spans } = this.deps;
    const row = this.rows[i]!;
    const { mask } = this;
    let at = this.hash(spans.id0[row]!, spans.id1[row]!) & mask;
    while (this.table[at]! < 0 || !this.isSameId(this.table[at]! - 1, row)) at = (at + 1) & mask;
    return this.table[at]! - 1;
  }

  private sumUp(): void {
    const { spans, traces } = this.deps;
    let endUs = 0;
    let startUs = Number.POSITIVE_INFINITY;
    let weight = 1;
    this.errorCount = this.openCount = 0;
    this.rootEnded = false;
    this.root = 0;
    for (let i = 0; i < this.spanCount; i++) {
      const row = this.rows[i]!;
      const start = spans.startUs[row]!;
      const end = spans.endUs[row]!;
      if (start < startUs) startUs = start;
      if (end > endUs) endUs = end;
      if (start > endUs) endUs = start;
      if ((spans.bits[row]! & IS_ERROR) !== 0) this.errorCount++;
      if (end === 0) this.openCount++;
      else if (this.isRoot(i)) this.rootEnded = true;
      if (spans.weight[row]! > weight) weight = spans.weight[row]!;
      if (this.isBetterRoot(i)) this.root = i;
    }
    this.startUs = startUs;
    this.durationUs = endUs - startUs;
    this.headProbability = (traces.bits[this.trace]! & CERTAIN) !== 0 ? 1 : 1 / weight;
  }

  /** A root before a span with a parent, then the earlier one. */
  private isBetterRoot(i: number): boolean {
    if (this.isRoot(this.root) !== this.isRoot(i)) return this.isRoot(i);
    return this.startUsOf(i) < this.startUsOf(this.root);
  }

  private isSameId(index: number, row: number): boolean {
    const { id0, id1 } = this.deps.spans;
    const other = this.rows[index]!;
    return id0[other] === id0[row] && id1[other] === id1[row];
  }

  /** Server and client halves of one id are two spans, and so are a page's and a service's. */
  private isSameHalf(index: number, row: number): boolean {
    const { bits } = this.deps.spans;
    const a = bits[this.rows[index]!]!;
    const b = bits[row]!;
    return ((a ^ b) & IS_PAGE) === 0 && ((a & KIND_BITS) === SERVER) === ((b & KIND_BITS) === SERVER);
  }

  private prepare(versions: number): void {
    if (versions > this.rows.length) {
      const length = Math.max(versions, this.rows.length * 2);
      this.rows = grown(this.rows, length);
      this.parents = grown(this.parents, length);
      this.twin = grown(this.twin, length);
      this.missing0 = grown(this.missing0, length);
      this.missing1 = grown(this.missing1, length);
    }
    // Spans and missing parents, at most half full.
    let size = 16;
    while (size < versions * 4) size *= 2;
    if (size > this.table.length) this.table = new Int32Array(size);
    else this.table.fill(0, 0, size);
    this.mask = size - 1;
  }

  /** Seeded, so that nobody can send ids that collide. */
  private hash(w0: number, w1: number): number {
    const h = Math.imul(w0 ^ Math.imul(w1 ^ this.deps.seed, 0x85ebca6b), 0xcc9e2d51);
    return h ^ (h >>> 15);
  }
}

/** The ended version before the open one, then the larger one, then the one that came first. */
function isBetter(spans: SpanColumns, standing: number, row: number): boolean {
  const ended = spans.endUs[standing]! > 0;
  if (ended !== spans.endUs[row]! > 0) return !ended;
  return spans.bytes[row]! > spans.bytes[standing]!;
}

function swap(word: number): number {
  return ((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}
