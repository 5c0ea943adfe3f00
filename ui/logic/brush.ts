/** Dragging on the overview: at an edge it resizes the viewport, inside it moves it, elsewhere it draws a new one. */

import { clampRange, isWhole, type TimeRange } from './viewport.ts';

export interface Brush {
  readonly kind: 'new' | 'move' | 'start' | 'end';
  /** Where the drag began. */
  readonly fromUs: number;
  /** The viewport when it began. */
  readonly range: TimeRange;
}

/** What a press at `atUs` begins; edges are caught within `gripUs`. */
export function startBrush(range: TimeRange, atUs: number, gripUs: number, totalUs: number): Brush {
  const brush = (kind: Brush['kind']): Brush => ({ kind, fromUs: atUs, range });
  if (isWhole(range, totalUs)) return brush('new');
  const toStart = Math.abs(atUs - range.startUs);
  const toEnd = Math.abs(atUs - range.endUs);
  if (Math.min(toStart, toEnd) <= gripUs) return brush(toStart < toEnd ? 'start' : 'end');
  return brush(atUs > range.startUs && atUs < range.endUs ? 'move' : 'new');
}

/** The viewport while the pointer is at `atUs`. */
export function moveBrush(brush: Brush, atUs: number, totalUs: number): TimeRange {
  const { range, fromUs } = brush;
  switch (brush.kind) {
    case 'new':
      return clampRange({ startUs: fromUs, endUs: atUs }, totalUs);
    case 'move':
      return clampRange({ startUs: range.startUs + atUs - fromUs, endUs: range.endUs + atUs - fromUs }, totalUs);
    case 'start':
      return clampRange({ startUs: atUs, endUs: range.endUs }, totalUs);
    case 'end':
      return clampRange({ startUs: range.startUs, endUs: atUs }, totalUs);
  }
}
