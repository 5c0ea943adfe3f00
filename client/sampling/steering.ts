/** What steers a page's recording from outside: the edge, and how busy the page is. Loads what it takes when it is needed. */

import { NO_SDK_CONFIG, parseDirectives } from '../../model/sdk-config.ts';
import { watchBusy } from './busy.ts';
import type { Hear } from './listening.ts';
import type { Remote, RemoteOptions } from './remote.ts';

type SteeringFile = typeof import('./entry.ts');

/** How long sending may wait for a page that is busy. */
const MAX_WAIT_MS = 2_000;

export interface SteeringOptions extends RemoteOptions {
  /** Loads `steering.js`. */
  readonly load: () => Promise<SteeringFile>;
}

export interface Steering {
  readonly hear: Hear;
  /** Resolves at once, or when the page is no longer busy, but soon enough for the ring not to fill. */
  calm(): Promise<void>;
  close(): void;
}

export function createSteering(options: SteeringOptions): Steering {
  let sampling = options.local;
  let isBusy = false;
  let isClosed = false;
  let file: SteeringFile | null = null;
  let remote: Remote | null = null;
  const waiting = new Set<() => void>();

  /** False where it cannot be had now. */
  async function load(): Promise<boolean> {
    file ??= await options.load().catch(() => null);
    return file !== null && !isClosed;
  }

  function update(): void {
    options.apply(isBusy && file ? file.onlyEssentials(sampling) : sampling);
  }

  function apply(next: RemoteOptions['local']): void {
    sampling = next;
    update();
  }

  const unwatch = watchBusy(async (next) => {
    isBusy = next;
    if (await load()) update();
    if (!isBusy) for (const go of waiting) go();
  });

  return {
    async hear(header, offsetMs) {
      const { config, stopped } = parseDirectives(header);
      const isNothing = stopped.length === 0 && (config === null || config === NO_SDK_CONFIG.version);
      if ((!remote && isNothing) || !(await load())) return;
      remote ??= file!.createRemote({ ...options, apply });
      remote.hear(header, offsetMs);
    },
    async calm() {
      if (!isBusy) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(go, MAX_WAIT_MS);
        function go(): void {
          clearTimeout(timer);
          waiting.delete(go);
          resolve();
        }
        waiting.add(go);
      });
    },
    close() {
      isClosed = true;
      unwatch();
      remote?.close();
    },
  };
}
