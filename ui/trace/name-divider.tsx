import type { RefObject } from 'preact';
import { useRef } from 'preact/hooks';
import { nameShare } from '../shell/preferences.ts';

const LEAST = 0.15;
const MOST = 0.7;
const KEY_STEP = 0.02;

/** The handle between the names and the timeline: dragged, or moved with the arrow keys. */
export function NameDivider({ container }: { container: RefObject<HTMLElement | null> }) {
  const held = useRef(false);
  const set = (share: number) => {
    nameShare.value = Math.min(MOST, Math.max(LEAST, share));
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: <hr> is a separator that cannot be moved.
    <div
      class="divider"
      role="separator"
      tabIndex={0}
      aria-orientation="vertical"
      aria-label="Width of the names"
      aria-valuemin={LEAST * 100}
      aria-valuemax={MOST * 100}
      aria-valuenow={Math.round(nameShare.value * 100)}
      onPointerDown={(event) => {
        held.current = true;
        event.currentTarget.setPointerCapture(event.pointerId);
      }}
      onPointerMove={(event) => {
        if (!held.current) return;
        const { left, width } = container.current!.getBoundingClientRect();
        set((event.clientX - left) / width);
      }}
      onPointerUp={() => {
        held.current = false;
      }}
      onKeyDown={(event) => {
        if (event.key === 'ArrowLeft') set(nameShare.value - KEY_STEP);
        else if (event.key === 'ArrowRight') set(nameShare.value + KEY_STEP);
        else return;
        event.preventDefault();
      }}
    />
  );
}
