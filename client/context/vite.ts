/** `tailrace/vite`: a plugin for Vite, Rollup and Rolldown that keeps the active span across native `await`. */

import { keepContext, type Node } from './transform.ts';

/** The part of a Rollup plugin that this one is. */
export interface ContextPlugin {
  readonly name: string;
  readonly enforce: 'post';
  transform(this: { parse(code: string): unknown }, code: string, id: string): { code: string; map: string } | null;
}

/** Changes the async functions of your own code; packages below `node_modules` stay as they are. */
export function tailraceContext(): ContextPlugin {
  return {
    name: 'tailrace-context',
    // When types and JSX are gone.
    enforce: 'post',
    transform(code, id) {
      const isOurs = /\.(?:[cm]?[jt]sx?|vue|svelte)(?:$|\?)/.test(id) && !id.includes('/node_modules/');
      if (!isOurs || !/\basync\b/.test(code)) return null;
      return keepContext(code, this.parse(code) as Node, 'tailrace/await');
    },
  };
}
