import type { Signal } from '@preact/signals';
import type { RefObject } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { type TimeRange, timeAt } from '../logic/viewport.ts';
import type { TraceState } from './trace-state.ts';

/** A press that moves less is a click. */
const LEAST_DRAG_PX = 4;
/** A wheel's notch of 100 px makes the viewport this much shorter or longer, or moves it by `WHEEL_PAN` of itself. */
const WHEEL_ZOOM = 1.2;
const WHEEL_PAN = 0.1;

interface Elements {
  /** Where the pointer is listened to. */
  grid: RefObject<HTMLElement | null>;
  /** What is as wide as the viewport. */
  axis: RefObject<HTMLElement | null>;
}

/**
 * The pointer over the timeline: a drag selects a range and zooms to it, Ctrl with the wheel zooms, Shift with the
 * wheel, or a sideways wheel, moves. `selection` is the range while it is dragged.
 */
export function useTimelinePointer(state: TraceState, selection: Signal<TimeRange | null>, elements: Elements): void {
  const dragged = useRef(false);
  useEffect(() => {
    const grid = elements.grid.current!;
    const stopped = new AbortController();
    const { signal } = stopped;
    let press: { x: number; atUs: number } | null = null;

    function fractionOf(event: MouseEvent): number {
      const { left, width } = elements.axis.current!.getBoundingClientRect();
      return (event.clientX - left) / width;
    }
    const timeOf = (event: MouseEvent) => timeAt(state.viewport.peek(), fractionOf(event));

    function onDown(event: PointerEvent) {
      dragged.current = false;
      if (event.button !== 0 || fractionOf(event) < 0) return;
      if (event.target instanceof Element && event.target.closest('button, [role=separator]')) return;
      press = { x: event.clientX, atUs: timeOf(event) };
    }
    function onMove(event: PointerEvent) {
      if (press === null) return;
      if (!dragged.current) {
        if (Math.abs(event.clientX - press.x) < LEAST_DRAG_PX) return;
        dragged.current = true;
        grid.setPointerCapture(event.pointerId);
      }
      selection.value = { startUs: press.atUs, endUs: timeOf(event) };
    }
    function onUp() {
      const range = selection.peek();
      press = null;
      selection.value = null;
      if (range !== null) {
        state.setZoom({ startUs: Math.min(range.startUs, range.endUs), endUs: Math.max(range.startUs, range.endUs) });
      }
    }
    function onCancel() {
      press = null;
      selection.value = null;
    }
    /** The click that ends a drag chooses no row. */
    function onClick(event: MouseEvent) {
      if (dragged.current) event.stopPropagation();
      dragged.current = false;
    }
    function onWheel(event: WheelEvent) {
      if (fractionOf(event) < 0) return;
      const sideways = event.shiftKey && event.deltaX === 0 ? event.deltaY : event.deltaX;
      if (event.ctrlKey || event.metaKey) state.zoomAt(WHEEL_ZOOM ** (event.deltaY / 100), timeOf(event));
      else if (Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY))
        state.pan((sideways / 100) * WHEEL_PAN);
      else return;
      event.preventDefault();
    }

    grid.addEventListener('pointerdown', onDown, { signal });
    grid.addEventListener('pointermove', onMove, { signal });
    grid.addEventListener('pointerup', onUp, { signal });
    grid.addEventListener('pointercancel', onCancel, { signal });
    grid.addEventListener('click', onClick, { signal, capture: true });
    grid.addEventListener('wheel', onWheel, { signal, passive: false });
    return () => stopped.abort();
  }, [state]);
}
