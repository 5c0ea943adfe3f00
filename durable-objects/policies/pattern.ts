/**
 * Regular expressions from a configuration, tried on text that anybody may have sent: in time proportional to the text,
 * whatever both say. JavaScript's own backtrack, so that `(a+)+$` and 30 letters occupy an isolate for minutes. All ways
 * through the pattern are followed at once instead (Thompson's construction, https://swtch.com/~rsc/regexp/regexp2.html).
 */

import * as v from 'valibot';
import { MAX_PATTERN_CHARS, MAX_PATTERN_STEPS } from './bounds.ts';
import { PatternError, type PatternNode, parsePattern, type Ranges } from './pattern-syntax.ts';

/** A pattern that compiles. */
export const patternSchema = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(MAX_PATTERN_CHARS),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed || dataset.value.length > MAX_PATTERN_CHARS) return;
    try {
      compilePattern(dataset.value);
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      addIssue({ message: error.message });
    }
  }),
);

type Step =
  | { readonly do: 'unit'; readonly set: UnitSet }
  | { readonly do: 'begin' | 'end' | 'match' }
  | { readonly do: 'split'; readonly to: readonly number[] };

/** Whether the pattern is found in a text. Throws PatternError. */
export function compilePattern(source: string): (text: string) => boolean {
  const node = parsePattern(source);
  if (countSteps(node) >= MAX_PATTERN_STEPS) throw new PatternError('the pattern is too large');
  const steps: Step[] = [];
  emit(node, steps);
  steps.push({ do: 'match' });
  const matcher = new Matcher(steps);
  return (text) => matcher.isIn(text);
}

/** Steps that `emit` makes of a node, without making them. */
function countSteps(node: PatternNode): number {
  switch (node.kind) {
    case 'unit':
    case 'begin':
    case 'end':
      return 1;
    case 'sequence':
      return node.nodes.reduce((sum, member) => sum + countSteps(member), 0);
    case 'either':
      return node.nodes.reduce((sum, member) => sum + countSteps(member) + 1, 1);
    case 'repeat': {
      const each = countSteps(node.node);
      const optional = node.max === Number.POSITIVE_INFINITY ? each + 2 : (node.max - node.min) * (each + 1);
      return node.min * each + optional;
    }
  }
}

function emit(node: PatternNode, steps: Step[]): void {
  switch (node.kind) {
    case 'unit':
      steps.push({ do: 'unit', set: new UnitSet(node.ranges) });
      return;
    case 'begin':
    case 'end':
      steps.push({ do: node.kind });
      return;
    case 'sequence':
      for (const member of node.nodes) emit(member, steps);
      return;
    case 'either': {
      const fork = reserve(steps);
      const ends: number[] = [];
      const starts = node.nodes.map((member) => {
        const start = steps.length;
        emit(member, steps);
        ends.push(reserve(steps));
        return start;
      });
      steps[fork] = { do: 'split', to: starts };
      for (const end of ends) steps[end] = { do: 'split', to: [steps.length] };
      return;
    }
    case 'repeat': {
      for (let i = 0; i < node.min; i++) emit(node.node, steps);
      if (node.max === Number.POSITIVE_INFINITY) {
        const fork = reserve(steps);
        emit(node.node, steps);
        steps.push({ do: 'split', to: [fork] });
        steps[fork] = { do: 'split', to: [fork + 1, steps.length] };
        return;
      }
      const forks: number[] = [];
      for (let i = node.min; i < node.max; i++) {
        forks.push(reserve(steps));
        emit(node.node, steps);
      }
      for (const fork of forks) steps[fork] = { do: 'split', to: [fork + 1, steps.length] };
    }
  }
}

/** A place for a step that is known later. */
function reserve(steps: Step[]): number {
  return steps.push({ do: 'match' }) - 1;
}

class UnitSet {
  private readonly ascii = new Uint8Array(128);
  private readonly ranges: Ranges;

  constructor(ranges: Ranges) {
    this.ranges = ranges;
    for (let unit = 0; unit < 128; unit++) this.ascii[unit] = +this.isInRange(unit);
  }

  has(unit: number): boolean {
    return unit < 128 ? this.ascii[unit] === 1 : this.isInRange(unit);
  }

  private isInRange(unit: number): boolean {
    const { ranges } = this;
    for (let i = 0; i < ranges.length; i += 2) if (unit >= ranges[i]! && unit <= ranges[i + 1]!) return true;
    return false;
  }
}

class Matcher {
  private readonly steps: readonly Step[];
  /** Steps that wait for the next unit, and for the one after it. */
  private now: number[] = [];
  private next: number[] = [];
  private readonly pending: number[] = [];
  /** Per step, the position for which it is in a list already. */
  private readonly seen: Int32Array;

  constructor(steps: readonly Step[]) {
    this.steps = steps;
    this.seen = new Int32Array(steps.length);
  }

  isIn(text: string): boolean {
    this.seen.fill(-1);
    this.now.length = 0;
    const onlyAtBegin = this.steps[0]!.do === 'begin';
    for (let at = 0; at <= text.length; at++) {
      // A match may begin anywhere.
      if (this.reaches(0, at, text.length, this.now)) return true;
      if (onlyAtBegin && this.now.length === 0) return false;
      if (at === text.length) return false;
      const unit = text.charCodeAt(at);
      this.next.length = 0;
      for (const step of this.now) {
        const { set } = this.steps[step] as { set: UnitSet };
        if (set.has(unit) && this.reaches(step + 1, at + 1, text.length, this.next)) return true;
      }
      [this.now, this.next] = [this.next, this.now];
    }
    return false;
  }

  /** Adds to `list` what waits for the unit at `at` when `step` is reached there; true when the match is complete. */
  private reaches(step: number, at: number, end: number, list: number[]): boolean {
    const { steps, pending, seen } = this;
    pending.length = 0;
    pending.push(step);
    for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
      if (seen[id] === at) continue;
      seen[id] = at;
      const current = steps[id]!;
      switch (current.do) {
        case 'match':
          return true;
        case 'unit':
          list.push(id);
          break;
        case 'begin':
          if (at === 0) pending.push(id + 1);
          break;
        case 'end':
          if (at === end) pending.push(id + 1);
          break;
        case 'split':
          for (const to of current.to) pending.push(to);
      }
    }
    return false;
  }
}
