/**
 * Regular expressions from a configuration or a query, tried on text that anybody may have sent: in time proportional to the text,
 * whatever both say. JavaScript's own backtrack, so that `(a+)+$` and 30 letters occupy an isolate for minutes. All ways
 * through the pattern are followed at once instead: the steps that may be next are a state, and where a state leads to is
 * worked out once and remembered (https://swtch.com/~rsc/regexp/regexp1.html).
 */

import { MAX_PATTERN_STATES, MAX_PATTERN_STEPS } from './limits.ts';
import { PatternError, type PatternNode, parsePattern, type Ranges } from './pattern-syntax.ts';

type Step =
  | { readonly do: 'unit'; readonly ranges: Ranges }
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
      steps.push({ do: 'unit', ranges: node.ranges });
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

/** What may come next, after some text. */
interface State {
  /** Steps that wait for a unit. */
  readonly units: readonly number[];
  /** The pattern was found, or is found if the text ends here. */
  readonly found: boolean;
  readonly foundAtEnd: boolean;
  /** Where each class of units leads to, as far as is known. */
  readonly next: State[];
}

class Matcher {
  private readonly steps: readonly Step[];
  /** First units of the classes that no step tells apart. */
  private readonly classes: readonly number[];
  private readonly asciiClasses: Uint16Array;
  private readonly first: State;
  private states = new Map<string, State>();

  constructor(steps: readonly Step[]) {
    this.steps = steps;
    const firsts = new Set([0]);
    for (const step of steps) {
      if (step.do !== 'unit') continue;
      for (let i = 0; i < step.ranges.length; i += 2) firsts.add(step.ranges[i]!).add(step.ranges[i + 1]! + 1);
    }
    this.classes = [...firsts].sort((a, b) => a - b);
    this.asciiClasses = Uint16Array.from({ length: 128 }, (_, unit) => this.searchClass(unit));
    this.first = this.stateOf([0], true);
  }

  isIn(text: string): boolean {
    let state = this.first;
    for (let at = 0; at < text.length; at++) {
      if (state.found) return true;
      const unit = text.charCodeAt(at);
      const unitClass = unit < 128 ? this.asciiClasses[unit]! : this.searchClass(unit);
      state = state.next[unitClass] ?? this.follow(state, unitClass);
    }
    return state.found || state.foundAtEnd;
  }

  private follow(state: State, unitClass: number): State {
    const unit = this.classes[unitClass]!;
    // A match may begin anywhere.
    const reached = [0];
    for (const id of state.units)
      if (isInRanges(unit, (this.steps[id] as { ranges: Ranges }).ranges)) reached.push(id + 1);
    const next = this.stateOf(reached, false);
    state.next[unitClass] = next;
    return next;
  }

  /** The state in which these steps are reached. */
  private stateOf(reached: readonly number[], isBegin: boolean): State {
    const units = this.closure(reached, isBegin, false);
    const found = units.length > 0 && units[units.length - 1] === this.steps.length - 1;
    const atEnd = this.closure(reached, isBegin, true);
    const foundAtEnd = atEnd.length > 0 && atEnd[atEnd.length - 1] === this.steps.length - 1;
    const key = `${units.join()} ${foundAtEnd}`;
    const known = this.states.get(key);
    if (known) return known;
    if (this.states.size >= MAX_PATTERN_STATES) {
      // The first, with which every text begins, must not lead to what is forgotten.
      this.states = new Map();
      this.first.next.length = 0;
    }
    const state: State = { units: found ? [] : units, found, foundAtEnd, next: [] };
    this.states.set(key, state);
    return state;
  }

  /** The steps that wait for a unit, or are the match, and are reached without one, in order: the match is the last step. */
  private closure(reached: readonly number[], isBegin: boolean, isEnd: boolean): number[] {
    const { steps } = this;
    const seen = new Uint8Array(steps.length);
    const waiting: number[] = [];
    const pending = [...reached];
    for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
      if (seen[id] === 1) continue;
      seen[id] = 1;
      const step = steps[id]!;
      if (step.do === 'unit' || step.do === 'match') waiting.push(id);
      else if (step.do === 'split') pending.push(...step.to);
      else if (step.do === 'begin' ? isBegin : isEnd) pending.push(id + 1);
    }
    return waiting.sort((a, b) => a - b);
  }

  private searchClass(unit: number): number {
    let low = 0;
    let high = this.classes.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.classes[middle]! <= unit) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

function isInRanges(unit: number, ranges: Ranges): boolean {
  for (let i = 0; i < ranges.length; i += 2) if (unit >= ranges[i]! && unit <= ranges[i + 1]!) return true;
  return false;
}
