/** Looks at live traces when their time has come, and decides those that are complete, old, large, or in the way. */

import { type Decision, RETENTION_CLASSES, type RetentionClass } from '../model/span.ts';
import { AT_LIMIT, CRITICAL, EARLY, FORGOTTEN, GOODBYE, HAS_ERROR, ROOT_ENDED } from './columns/trace-columns.ts';
import { decideByMs } from './completion.ts';
import type { Config } from './config.ts';
import type { Sampler } from './decide.ts';
import type { Erased } from './erased.ts';
import type { Journal } from './journal.ts';
import type { LiveTraces } from './live-traces.ts';
import type { LiveView } from './live-view.ts';
import type { Place } from './log.ts';
import { type PressureLevel, pressureLevel, quietShare } from './pressure.ts';
import { type DecideRecord, type EncodedRecord, encodeDecisions, encodeRecall } from './records.ts';
import type { TraceWords } from './trace-words.ts';

/** Traces looked at in one event, so that none takes long. */
const MAX_LOOKS = 4_000;
/** Decided traces that are read back for their verdict because spans came late, in one event. Beyond, those are that turn from drop to keep. */
const MAX_RECALLS = 16;
/** Larger traces wait as long as was needed when they were last looked at, whatever comes. */
const MAX_HASTENED_SPANS = 256;
/** Rows searched for traces to be decided early, in one event. */
const MAX_EARLY_ROWS = 20_000;

export class Deciding {
  private readonly journal: Journal;
  private config: Config;
  private sampler: Sampler;
  private readonly erased: Erased;
  private earlyRow = 0;
  /** How full memory was when that was last looked at. */
  level: PressureLevel = 0;
  /** Traces decided before they were complete because memory was short. */
  earlyTraces = 0;

  constructor(journal: Journal, config: Config, sampler: Sampler, erased: Erased) {
    this.journal = journal;
    this.config = config;
    this.sampler = sampler;
    this.erased = erased;
  }

  /** What is decided from now on is decided by this; what the rules before had learned is forgotten. */
  reconfigure(config: Config, sampler: Sampler): void {
    this.config = config;
    this.sampler = sampler;
  }

  feelPressure(): PressureLevel {
    this.level = pressureLevel(this.journal.live.bytes, this.config.memory.liveBytes);
    return this.level;
  }

  /** Sees to the deadline of a trace that a slice has come for. */
  appended(live: LiveTraces, trace: number, nowMs: number): void {
    const { deadlines, traces } = live;
    const { maxBytes, maxSpans, minQuietMs } = this.config.completion;
    const soonMs = nowMs + Math.min(minQuietMs, this.config.quietMs);
    const isFirst = traces.sliceEnd[trace]! - traces.decidedEnd[trace]! === 1;
    const isAtLimit = traces.undecidedBytes[trace]! >= maxBytes || traces.spanCount[trace]! >= maxSpans;
    if (isAtLimit || this.level >= 3) deadlines.set(trace, nowMs);
    // What it waited for before, open spans for one, may have been later.
    else if (isFirst || (traces.bits[trace]! & GOODBYE) !== 0) {
      deadlines.set(trace, soonMs);
    }
    // It may be what was missing. A large trace takes too long to look at for each of its slices.
    else if (traces.spanCount[trace]! <= MAX_HASTENED_SPANS) deadlines.hasten(trace, soonMs);
  }

  /** Decides what is due, and writes it down. */
  decideDue(nowMs: number): void {
    const records = this.takeDue(nowMs);
    if (records.length > 0) this.journal.write(records, nowMs);
  }

  /**
   * Decides what is due, from what the log has now. The records take effect when they are written: the caller does that at
   * once, and nothing awaits between the two.
   */
  takeDue(nowMs: number): EncodedRecord[] {
    const { live } = this.journal;
    const looks: number[] = [];
    live.deadlines.takeDue(nowMs, MAX_LOOKS, looks);
    try {
      return this.decide(looks, nowMs);
    } catch (error) {
      // A read that failed: they are looked at again.
      for (const trace of looks) if (live.traces.has(trace)) live.deadlines.set(trace, nowMs);
      throw error;
    }
  }

  /** `looks`: traces whose time has come; more are added under pressure. */
  private decide(looks: number[], nowMs: number): EncodedRecord[] {
    const { live } = this.journal;
    const level = this.feelPressure();
    // Those behind these are taken though their time has not come.
    const dueCount = looks.length;
    if (level >= 2) this.takeEarly(looks);
    const due: DecideRecord[] = [];
    const isWaiting = (trace: number) => live.traces.has(trace) && !live.isDecided(trace);
    // With what they had before, copies are recognized and the verdict is about all of it; but not for many at once.
    const recalled = looks.filter((trace) => isWaiting(trace) && this.isForgotten(trace)).slice(0, MAX_RECALLS);
    this.recall(recalled, nowMs);
    for (const [i, trace] of looks.entries()) {
      if (!live.traces.has(trace)) continue;
      if (live.isDecided(trace)) {
        live.endSilence(trace, nowMs);
        continue;
      }
      // The others wait for their turn, as long as there is room for them.
      if (this.isForgotten(trace) && level < 3) {
        live.deadlines.set(trace, nowMs);
        continue;
      }
      const view = live.look(trace);
      const isEarly = i >= dueCount && view.durationUs < this.config.slowMs * 1000;
      const isForced = level >= 3 || isEarly;
      const byMs = this.decideByMs(trace, view);
      if (byMs > nowMs && !isForced) {
        live.deadlines.set(trace, byMs);
        continue;
      }
      let notes = 0;
      if (byMs > nowMs) {
        this.earlyTraces++;
        notes = EARLY;
      } else if (this.isAtLimit(trace, view, nowMs)) notes = AT_LIMIT;
      const decision = this.verdict(trace, view, nowMs);
      // What is kept after all is kept whole.
      const hasLeft = (live.traces.bits[trace]! & FORGOTTEN) !== 0 || live.traces.sliceStart[trace]! > 0;
      if (decision.keep && hasLeft && !recalled.includes(trace) && live.state(trace) === 'dropped') {
        this.recall([trace], nowMs);
      }
      due.push(this.record(trace, decision, nowMs, notes));
    }
    return due.length > 0 ? [encodeDecisions(due)] : [];
  }

  /** It was decided before, and is not in memory from its beginning. */
  private isForgotten(trace: number): boolean {
    const { bits, decision } = this.journal.live.traces;
    return (bits[trace]! & FORGOTTEN) !== 0 && decision[trace] !== null;
  }

  /** In one row, so that a step that fails has not half happened. */
  private recall(traces: readonly number[], nowMs: number): void {
    const records = traces.map((trace) => {
      const id = this.journal.live.words(trace);
      return encodeRecall(id, nowMs, this.findEarlier(id, trace));
    });
    if (records.length > 0) this.journal.write(records, nowMs);
  }

  /** Keeps a live or dropped trace by hand; it stands for none but itself. False when the shard has nothing of it. */
  keep(id: TraceWords, nowMs: number): boolean {
    const { live } = this.journal;
    const known = live.traces.find(...id);
    const before = known === -1 ? this.journal.findDecision(id)?.decision : live.traces.decision[known];
    if (before?.keep) return true;
    if (before) {
      const earlier = this.findEarlier(id, known);
      if (earlier.length > 0) this.journal.write([encodeRecall(id, nowMs, earlier)], nowMs);
    }
    const trace = live.traces.find(...id);
    // An open span may still be known when nothing of it is left in the log.
    if (trace === -1 || live.places(trace).length === 0) return false;
    const decision: Decision = {
      keep: true,
      rate: 0,
      reason: 'manual',
      policy: 'manual',
      configVersion: this.config.version,
      decidedUs: nowMs * 1000,
      retention: this.sampler.classify(live.look(trace), nowMs),
    };
    this.journal.write([encodeDecisions([this.record(trace, decision, nowMs)])], nowMs);
    return true;
  }

  /** Drops what memory has of an erased trace, kept or not. */
  erase(id: TraceWords, nowMs: number): void {
    const trace = this.journal.live.traces.find(...id);
    if (trace === -1) return;
    this.journal.write([encodeDecisions([this.record(trace, this.erasure(nowMs), nowMs)])], nowMs);
  }

  private erasure(nowMs: number): Decision {
    return {
      keep: false,
      rate: 0,
      reason: 'erased',
      policy: 'erased',
      configVersion: this.config.version,
      decidedUs: nowMs * 1000,
    };
  }

  private record(trace: number, decision: Decision, nowMs: number, notes = 0): DecideRecord {
    const { live } = this.journal;
    return { id: live.words(trace), decision, revision: Math.max(live.traces.revision[trace]! + 1, nowMs), notes };
  }

  /** Slices of a decided trace that are in the log and not in memory. */
  private findEarlier(id: TraceWords, trace: number): Place[] {
    const keyOf = ({ bucket, row, start }: Place) => `${bucket} ${row} ${start}`;
    const inMemory = new Set(trace === -1 ? [] : this.journal.live.places(trace).map(keyOf));
    return this.journal.findSlices(id).filter((place) => !inMemory.has(keyOf(place)));
  }

  private verdict(trace: number, view: LiveView, nowMs: number): Decision {
    if (this.erased.hasWords(this.journal.live.words(trace))) return this.erasure(nowMs);
    const before = this.journal.live.traces.decision[trace];
    // A rule that drops has seen all of it; late spans are only a part.
    if (before && !before.keep && before.reason === 'drop_rule') return this.again(before, nowMs);
    if (!before?.keep) return this.sampler.decide(view, nowMs);
    const retention = longer(before.retention ?? 'hot', this.sampler.classify(view, nowMs));
    return { ...this.again(before, nowMs), retention };
  }

  private again(before: Decision, nowMs: number): Decision {
    return { ...before, configVersion: this.config.version, decidedUs: nowMs * 1000 };
  }

  /** It is decided because of its size or age, whatever is still to come. */
  private isAtLimit(trace: number, view: LiveView, nowMs: number): boolean {
    const { firstMs, undecidedBytes } = this.journal.live.traces;
    const { completion, maxAgeMs } = this.config;
    return (
      undecidedBytes[trace]! >= completion.maxBytes ||
      view.spanCount >= completion.maxSpans ||
      nowMs >= firstMs[trace]! + maxAgeMs
    );
  }

  private decideByMs(trace: number, view: LiveView): number {
    const { live, gaps } = this.journal;
    const { traces } = live;
    const { rootEnded, missingParents, openCount } = view;
    const isForgotten = this.isForgotten(trace);
    return decideByMs(
      {
        firstMs: traces.firstMs[trace]!,
        lastMs: traces.lastMs[trace]!,
        undecidedBytes: traces.undecidedBytes[trace]!,
        spanCount: view.spanCount,
        // What has left memory is not missing.
        rootEnded: rootEnded || isForgotten,
        missingParents: isForgotten ? 0 : missingParents,
        openCount,
        goodbye: (traces.bits[trace]! & GOODBYE) !== 0,
        learnedMs: gaps.quietMs(view.operation(view.root)),
        quietShare: quietShare(live.bytes, this.config.memory.liveBytes),
      },
      this.config,
    );
  }

  /** Traces whose root has ended, without an error and not critical: nobody will miss what of them is still to come. */
  private takeEarly(looks: number[]): void {
    const { live } = this.journal;
    const { traces } = live;
    const taken = new Set(looks);
    for (let n = Math.min(MAX_EARLY_ROWS, traces.end); n > 0 && looks.length < MAX_LOOKS; n--) {
      const trace = this.earlyRow++ % traces.end;
      if (!traces.has(trace) || live.isDecided(trace) || taken.has(trace)) continue;
      if ((traces.bits[trace]! & (ROOT_ENDED | HAS_ERROR | CRITICAL)) !== ROOT_ENDED) continue;
      live.deadlines.clear(trace);
      looks.push(trace);
    }
  }
}

function longer(a: RetentionClass, b: RetentionClass): RetentionClass {
  return RETENTION_CLASSES.indexOf(a) > RETENTION_CLASSES.indexOf(b) ? a : b;
}
