/** Fills the log of one object and measures how long the shard's memory takes to come back from it. */

import { DurableObject } from 'cloudflare:workers';
import { parseConfig } from '../../durable-objects/config.ts';
import { CostMeter } from '../../durable-objects/cost-meter.ts';
import { createSampler } from '../../durable-objects/decide.ts';
import { Deciding } from '../../durable-objects/deciding.ts';
import type { Env } from '../../durable-objects/env.ts';
import { Erased } from '../../durable-objects/erased.ts';
import { Journal } from '../../durable-objects/journal.ts';
import { encodeAppend } from '../../durable-objects/records.ts';
import { AppendFrameWriter, splitAppendFrame } from '../../model/append-frame.ts';
import { scanTraces } from '../../model/otlp/scan.ts';
import { groupByTrace } from '../../model/otlp/slice.ts';
import { splitFrame } from '../../model/slice-frame.ts';
import { RequestTemplate } from '../request-template.ts';

export { Control, Ledger } from '../../worker/index.ts';

const CONFIG = parseConfig(
  JSON.stringify({ rules: [{ type: 'drop', of: { type: 'always' } }], log: { bytes: 4 * 2 ** 30 } }),
);
/** A record is at most a row. */
const MAX_FRAME_BYTES = 1_800_000;
const START_MS = 1_790_000_000_000;

export class TraceShard extends DurableObject<Env> {
  private nowMs = START_MS;
  private journal: Journal | null = null;
  private deciding: Deciding | null = null;
  private readonly template = new RequestTemplate({ spans: 2_000, traces: 100, padding: 1_600 });

  private open(): Journal {
    const journal = new Journal({
      sql: this.ctx.storage.sql,
      nowMs: this.nowMs,
      seed: 7,
      maxBytes: () => 4 * 2 ** 30,
      meter: new CostMeter(() => 0),
      atomically: (work) => this.ctx.storage.transactionSync(work),
      seen: () => false,
      appended: (live, trace, atMs) => live.deadlines.set(trace, atMs + 1_000),
    });
    this.journal = journal;
    this.deciding = new Deciding(journal, CONFIG, createSampler(CONFIG), new Erased(this.ctx.storage.sql, this.nowMs));
    return journal;
  }

  private append(journal: Journal): number {
    const table = scanTraces(this.template.next());
    const writer = new AppendFrameWriter();
    const { count, rows, starts } = groupByTrace(table);
    for (let i = 0; i < count; i++) writer.addSlice(table, rows, starts[i]!, starts[i + 1]!, 0);
    const { slices } = splitAppendFrame(writer.finish());
    for (const part of splitFrame(slices, MAX_FRAME_BYTES)) journal.write([encodeAppend(this.nowMs, part)], this.nowMs);
    this.nowMs += 100;
    return table.count;
  }

  /** Everything is decided, and dropped. */
  private settle(): void {
    while (this.journal!.live.undecidedCount > 0) {
      this.nowMs += 2_000;
      this.deciding!.decideDue(this.nowMs);
    }
  }

  override async fetch(request: Request): Promise<Response> {
    const journal = this.journal ?? this.open();
    const { searchParams } = new URL(request.url);
    const bytes = Number(searchParams.get('bytes'));
    const spans = Number(searchParams.get('spans'));
    const before = journal.log.bytes;
    for (let i = 0; journal.log.bytes - before < bytes; i++) {
      this.append(journal);
      if (i % 40 === 39) this.settle();
    }
    this.settle();
    for (let sent = 0; sent < spans; ) sent += this.append(journal);
    const times: number[] = [];
    if (searchParams.has('start')) {
      for (let i = 0; i < 5; i++) {
        const began = performance.now();
        this.open();
        times.push(performance.now() - began);
      }
    }
    const { log, live } = this.journal!;
    return Response.json({
      logBytes: log.bytes,
      buckets: log.buckets.length,
      liveTraces: live.undecidedCount,
      spans: live.spans.count,
      times,
    });
  }
}

export default {
  fetch: (request, env) => env.TRACE_SHARD.getByName('start').fetch(request),
} satisfies ExportedHandler<Env>;
