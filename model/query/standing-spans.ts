/** A trace's spans as they come, each in the version that stands: as `otlp/merge.ts` has it, of what a walk knows of them. */

export interface WalkedSpan {
  /** The halves of its id. */
  readonly id0: number;
  readonly id1: number;
  /** 0 to 3: whether it is a server's, and a page's. An id is several spans where these differ. */
  readonly kind: number;
  /** It names no parent. */
  readonly isRoot: boolean;
  readonly startUs: number;
  readonly isEnded: boolean;
  readonly bytes: number;
  /** Conditions that it meets, a bit each. */
  readonly met: bigint;
}

interface PlacedSpan extends WalkedSpan {
  readonly place: number;
}

interface Standing extends PlacedSpan {
  /** What else there is of the same second half and kind. */
  next: Standing | null;
}

export class StandingSpans {
  /** By the second half of the id, and the kind. */
  private readonly first = new Map<number, Standing>();
  private places = 0;

  clear(): void {
    this.first.clear();
    this.places = 0;
  }

  /** Takes a version in, if it is the best of its span so far. */
  add(span: WalkedSpan): void {
    const { id0, id1, kind, isRoot, startUs, isEnded, bytes, met } = span;
    const place = this.places++;
    const key = id1 * 4 + kind;
    let before: Standing | null = null;
    let known = this.first.get(key) ?? null;
    while (known !== null && known.id0 !== id0) {
      before = known;
      known = known.next;
    }
    if (known !== null && !isBetterVersion(span, known)) return;
    const next = known?.next ?? null;
    const standing = { id0, id1, kind, isRoot, startUs, isEnded, bytes, met, place, next };
    if (before === null) this.first.set(key, standing);
    else before.next = standing;
  }

  *all(): Iterable<PlacedSpan> {
    for (const first of this.first.values()) {
      for (let span: Standing | null = first; span !== null; span = span.next) yield span;
    }
  }

  /** The root span, or what stands in for it; null of no spans. */
  root(): WalkedSpan | null {
    let best: PlacedSpan | null = null;
    for (const span of this.all()) if (best === null || isBetterRoot(span, best)) best = span;
    return best;
  }
}

/** The ended version, then the larger, then the one that came first. */
function isBetterVersion(span: WalkedSpan, than: WalkedSpan): boolean {
  return span.isEnded !== than.isEnded ? span.isEnded : span.bytes > than.bytes;
}

/** As `matchesSpans` has it, of decoded spans: they are in order of start, then of appearance. */
function isBetterRoot(span: PlacedSpan, than: PlacedSpan): boolean {
  if (span.isRoot !== than.isRoot) return span.isRoot;
  return span.startUs !== than.startUs ? span.startUs < than.startUs : span.place < than.place;
}
