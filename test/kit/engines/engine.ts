/** A browser as the tests of three engines drive it: tabs that share their storage, and a way to make them crash. */

import { readdirSync, readFileSync } from 'node:fs';

export interface Tab {
  goto(url: string): Promise<void>;
  /** Runs the body of an async function in the page. Resolves to null when the page is gone before it has an answer. */
  evaluate<T>(body: string): Promise<T | null>;
  /** As a user closes it. */
  close(): Promise<void>;
}

export interface Engine {
  /** With its version. */
  readonly name: string;
  open(): Promise<Tab>;
  /** Kills the processes of all pages. Their tabs are of no use after that. */
  crash(): void;
  close(): Promise<void>;
}

/** How to start one, or why that is not possible here. */
export type Launch = { readonly start: () => Promise<Engine> } | { readonly missing: string };

/** Sends SIGKILL to those descendants of the process `root` whose command line is like this. */
export function killDescendants(root: number, isLike: RegExp): void {
  const parents = new Map<number, number>();
  for (const entry of readdirSync('/proc')) {
    const parent = /^\d+$/.test(entry) && /^\d+ \(.*\) . (\d+)/s.exec(tryRead(`/proc/${entry}/stat`))?.[1];
    if (parent) parents.set(Number(entry), Number(parent));
  }
  const isBelow = (pid: number): boolean => {
    const parent = parents.get(pid);
    return parent !== undefined && (parent === root || isBelow(parent));
  };
  for (const pid of parents.keys()) {
    if (isBelow(pid) && isLike.test(tryRead(`/proc/${pid}/cmdline`).replaceAll('\0', ' '))) tryKill(pid);
  }
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}

/** Empty when the process has ended meanwhile. */
function tryRead(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
