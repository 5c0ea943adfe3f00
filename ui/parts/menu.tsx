import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Icon } from './icon.tsx';

interface Props {
  icon: Parameters<typeof Icon>[0]['name'];
  name: string;
  children: ComponentChildren;
}

/** A button that unfolds a list below itself; a choice, Escape or a press beside it folds it again. */
export function Menu({ icon, name, children }: Props) {
  const menu = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    const stopped = new AbortController();
    document.addEventListener(
      'pointerdown',
      (event) => {
        if (!menu.current!.contains(event.target as Node)) menu.current!.open = false;
      },
      { signal: stopped.signal },
    );
    return () => stopped.abort();
  }, []);
  return (
    <details
      class="menu"
      ref={menu}
      onKeyDown={(event) => {
        if (event.key !== 'Escape' || !menu.current!.open) return;
        event.preventDefault();
        menu.current!.open = false;
        menu.current!.querySelector('summary')!.focus();
      }}
    >
      <summary class="button small">
        <Icon name={icon} /> {name}
      </summary>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: clicks on links reach it. */}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: a link that is chosen by key is clicked too. */}
      <div
        class="menu-list"
        onClick={(event) => {
          if ((event.target as Element).closest('a')) menu.current!.open = false;
        }}
      >
        {children}
      </div>
    </details>
  );
}
