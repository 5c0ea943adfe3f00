/** Makes batches out of what was read from the ring. */

import { encodeBatch } from '../../model/batch/encode.ts';
import type { SpanData, SpanDataAttributes } from '../../model/span-data.ts';
import { createClock } from '../api/clock.ts';
import type { Losses } from './counters.ts';

/** What is the same in all batches of a page. Travels to the worker once. */
export interface BatchConfig {
  /** Where batches are sent to, key included. */
  readonly url: string;
  readonly resource: SpanDataAttributes;
}

export interface BatchDraft {
  readonly config: BatchConfig;
  readonly spans: readonly SpanData[];
  readonly dropped: Losses;
  /** The page is going away. */
  readonly goodbye?: boolean;
}

/** Encodes spans in the order given, as many as fit. */
export function encodeDraft(draft: BatchDraft, maxBytes?: number): ReturnType<typeof encodeBatch> {
  const { config, spans, dropped, goodbye = false } = draft;
  const { resource } = config;
  // Nothing is left out for sampling in the page: unsampled spans travel with their flag.
  const sentUs = createClock().nowUs();
  return encodeBatch({ sentUs, resource, goodbye, hasUnsampled: true, dropped, spans }, maxBytes);
}

/** By start, which puts parents before their children: so they encode shortest. */
export function byStart(a: SpanData, b: SpanData): number {
  return a.startUs - b.startUs;
}

/** Roots and errors first, each half by start: what matters most when not everything can be sent. */
export function byImportance(a: SpanData, b: SpanData): number {
  return rank(a) - rank(b) || a.startUs - b.startUs;
}

function rank(span: SpanData): number {
  return span.parentSpanId === null || span.statusCode === 2 ? 0 : 1;
}
