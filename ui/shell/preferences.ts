/** What the reader chose, kept in this browser. Where storage is forbidden, a choice lasts as long as the page. */

import { computed, effect, type Signal, signal } from '@preact/signals';

export type Theme = 'auto' | 'light' | 'dark';

export const theme = kept<Theme>('theme', 'auto', (text) => (text === 'light' || text === 'dark' ? text : 'auto'));

/** Width of the names beside the waterfall, as a share of the whole width. */
export const nameShare = kept<number>('name-share', 0.36, (text) =>
  Math.min(0.7, Math.max(0.15, Number(text) || 0.36)),
);

/** True when someone logged in with a key in this browser, so that there is something to log out of. */
export const loggedIn = kept<boolean>('logged-in', false, (text) => text === 'true');

const darkSystem = signal(false);

/** What the page looks like, for what is drawn by script. */
export const isDark = computed(() => (theme.value === 'auto' ? darkSystem.value : theme.value === 'dark'));

function kept<T extends string | number | boolean>(name: string, initial: T, parse: (text: string) => T): Signal<T> {
  const key = `tailrace.${name}`;
  const value = signal(initial);
  try {
    const text = localStorage.getItem(key);
    if (text !== null) value.value = parse(text);
    effect(() => localStorage.setItem(key, String(value.value)));
  } catch {
    // Storage is off: nothing to keep.
  }
  return value;
}

/** Puts the theme on the document; the tokens in styles/tokens.css follow `color-scheme`. */
export function startTheme(): void {
  const dark = window.matchMedia('(prefers-color-scheme: dark)');
  darkSystem.value = dark.matches;
  dark.addEventListener('change', () => {
    darkSystem.value = dark.matches;
  });
  effect(() => {
    document.documentElement.dataset.theme = theme.value;
  });
}
