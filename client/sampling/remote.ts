/**
 * Does as the edge says: how much of what to record, and of which traces no more. Part of the page's half of the recorder, so
 * what is recorded before the first answer goes by the page's own options.
 */

import { NO_SDK_CONFIG, parseDirectives, parseSdkConfig, type SdkConfig } from '../../model/sdk-config.ts';
import { wallMs } from '../api/clock.ts';
import { wordsToHex } from '../api/ids.ts';
import type { Fetch } from '../recorder/exporter.ts';
import { never } from './always.ts';
import type { Hear } from './listening.ts';
import { parentBased } from './parent-based.ts';
import { perRoute } from './per-route.ts';
import { probability } from './probability.ts';
import { sampleBy } from './sample-by.ts';
import type { Sampling } from './sampler.ts';

export interface RemoteOptions {
  /** Of `/v1/config`, with the key. */
  readonly url: string;
  readonly fetch: Fetch;
  /** What decides where the edge says nothing. */
  readonly local: Sampling | null;
  readonly apply: (sampling: Sampling | null) => void;
  readonly nowMs?: () => number;
}

export interface Remote {
  readonly hear: Hear;
  close(): void;
}

/** Isolates of the edge may disagree for a few seconds. */
const MIN_INTERVAL_MS = 5_000;
/** A page that sends nothing hears nothing: it asks by itself. */
const POLL_MS = 60_000;
const MAX_STOPPED = 100;
const MAX_TIMER_MS = 2 ** 31 - 1;

export function createRemote({ url, fetch, local, apply, nowMs = wallMs }: RemoteOptions): Remote {
  let config = NO_SDK_CONFIG;
  let offsetMs = 0;
  let askedMs = Number.NEGATIVE_INFINITY;
  let isAsking = false;
  let isClosed = false;
  const stopped = new Set<string>();
  let poll: ReturnType<typeof setTimeout> | undefined;
  let boostEnd: ReturnType<typeof setTimeout> | undefined;

  function update(): void {
    if (isClosed) return;
    clearTimeout(boostEnd);
    const { boost } = config;
    const leftMs = boost ? boost.untilMs - nowMs() - offsetMs : 0;
    if (leftMs > 0) boostEnd = setTimeout(update, Math.min(leftMs, MAX_TIMER_MS));
    const sampling = samplingFor(config, local, leftMs > 0);
    apply(stopped.size > 0 ? withoutTraces(stopped, sampling) : sampling);
  }

  async function ask(wanted: string | null): Promise<void> {
    if (isAsking || Math.abs(nowMs() - askedMs) < MIN_INTERVAL_MS) return;
    isAsking = true;
    askedMs = nowMs();
    try {
      let found = wanted === null ? null : await read('default');
      // The browser's copy may be the one before.
      if (!found || found.version !== wanted) found = await read('no-cache');
      if (found && found.version !== config.version) {
        config = found;
        update();
      }
    } catch {
      // As it was, until the next answer says again that there is another.
    }
    isAsking = false;
    schedule();
  }

  async function read(cache: RequestCache): Promise<SdkConfig | null> {
    const response = await fetch(url, { cache, credentials: 'omit' });
    return response.ok ? parseSdkConfig(await response.json()) : null;
  }

  function schedule(): void {
    clearTimeout(poll);
    if (!isClosed && config !== NO_SDK_CONFIG) poll = setTimeout(() => ask(null), POLL_MS);
  }

  return {
    hear(header, foundMs) {
      offsetMs = foundMs;
      const directives = parseDirectives(header);
      const before = stopped.size;
      for (const id of directives.stopped) stopped.add(id);
      if (stopped.size > before) {
        for (const id of stopped) if (stopped.size > MAX_STOPPED) stopped.delete(id);
        update();
      }
      if (directives.config !== null && directives.config !== config.version) void ask(directives.config);
      else schedule();
    },
    close() {
      isClosed = true;
      clearTimeout(poll);
      clearTimeout(boostEnd);
    },
  };
}

function samplingFor({ paused, boost, routes, sampleRate }: SdkConfig, local: Sampling | null, isBoosted: boolean) {
  if (paused) return sampleBy(never);
  if (isBoosted) return sampleBy(parentBased(probability(boost!.sampleRate)));
  if (routes.length === 0 && sampleRate === undefined) return local;
  const all = routes.map((route) => ({ name: route.name, probability: route.sampleRate }));
  return sampleBy(parentBased(perRoute(all, sampleRate ?? 1)));
}

/** What starts in one of the traces is dropped; `sampling` decides about the others. */
function withoutTraces(stopped: ReadonlySet<string>, sampling: Sampling | null): Sampling {
  return {
    // What these traces lack is missing, and not left to chance: nothing stands for it.
    keepsUnsampled: sampling?.keepsUnsampled ?? true,
    start(span) {
      if (stopped.has(wordsToHex(span.trace.words))) span.drop();
      else if (sampling) sampling.start(span);
      else span.hand();
    },
    ask() {},
  };
}
