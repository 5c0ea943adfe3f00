/** Two traces side by side: which spans of the one are which of the other, by where they stand and not by their ids or times. */

import { type SpanTree, serviceOf } from './tree.ts';

/** Rows of the two trees that stand for the same. */
export interface MatchedSpans {
  readonly a: number;
  readonly b: number;
  /** How much longer it took in `b`; negative when shorter, absent where one of them has no end. */
  readonly longerUs?: number;
}

export interface Comparison {
  /** In order of the rows of `a`. */
  readonly matched: readonly MatchedSpans[];
  /** Rows of `a`, and of `b`, that have no counterpart; then what is below them has none either. */
  readonly onlyInA: readonly number[];
  readonly onlyInB: readonly number[];
}

/**
 * Spans match when services and operations are the same all the way from the top, and they are, of their equal siblings, the
 * first in both, or the second, and so on by start. O(n log n).
 */
export function compareTraces(a: SpanTree, b: SpanTree): Comparison {
  const places = new Map<string, number>();
  const placeInA = placesOf(a, places);
  const rowInA = new Map([...placeInA].map((place, row) => [place, row]));

  const matched: MatchedSpans[] = [];
  const onlyInB: number[] = [];
  const isMatched = new Uint8Array(a.spans.length);
  for (const [rowB, place] of placesOf(b, places).entries()) {
    const rowA = rowInA.get(place);
    if (rowA === undefined) {
      onlyInB.push(rowB);
      continue;
    }
    isMatched[rowA] = 1;
    const longerUs = (b.spans[rowB]!.durationUs ?? Number.NaN) - (a.spans[rowA]!.durationUs ?? Number.NaN);
    matched.push(Number.isNaN(longerUs) ? { a: rowA, b: rowB } : { a: rowA, b: rowB, longerUs });
  }
  matched.sort((one, other) => one.a - other.a);
  return { matched, onlyInA: [...a.spans.keys()].filter((row) => isMatched[row] === 0), onlyInB };
}

/** A number for each row that says where it stands, the same in all trees that share `places`. */
function placesOf({ spans, parent }: SpanTree, places: Map<string, number>): Int32Array {
  const placeOf = new Int32Array(spans.length);
  const equals = new Map<string, number>();
  for (let row = 0; row < spans.length; row++) {
    const above = parent[row]! < 0 ? -1 : placeOf[parent[row]!]!;
    // JSON, since names may hold any separator.
    const path = JSON.stringify([above, serviceOf(spans[row]!), spans[row]!.name]);
    const nth = equals.get(path) ?? 0;
    equals.set(path, nth + 1);
    const key = `${nth} ${path}`;
    let place = places.get(key);
    if (place === undefined) {
      place = places.size;
      places.set(key, place);
    }
    placeOf[row] = place;
  }
  return placeOf;
}
