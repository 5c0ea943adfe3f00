/**
 * The estimated variance of sums of weights. A span that a head sampler let through with probability p weighs w = 1/p.
 * Spans of one trace share their fate, so they are one draw of a Poisson sample of traces: the Horvitz-Thompson estimate
 * of the variance of a total is the sum over traces of (Σw)² − ΣΣ max(w, w') (Särndal, Swensson, Wretman: Model Assisted
 * Survey Sampling, 1992, result 2.8.1, with joint inclusion min(p, p') because W3C random bits are the same for all). For
 * one span a trace that is Σ w(w−1). We take m·Σw for the double sum over m spans: the same where their weights are the
 * same, and never less variance where not. Spans of weight 1 add none. Parts of a trace that come later count as a trace
 * of their own.
 */

import { grown } from './int-table.ts';

/** A trace's share is rounded to a multiple of 2^-8, so that sums below 2^45 are exact in any order. */
const UNITS = 256;

export class Variance {
  /** By cell. */
  #total = new Float64Array(64);
  /** The trace that was added to the cell last, its spans there, the sum of their weights, and its share of the total. */
  #trace = new Float64Array(64);
  #spans = new Float64Array(64);
  #weights = new Float64Array(64);
  #share = new Float64Array(64);

  /** `trace` is a number of the trace that no other has, above 0. */
  add(cell: number, trace: number, weight: number): void {
    this.#reach(cell);
    if (this.#trace[cell] !== trace) {
      this.#trace[cell] = trace;
      this.#spans[cell] = 0;
      this.#weights[cell] = 0;
      this.#share[cell] = 0;
    }
    this.#weights[cell]! += weight;
    this.#spans[cell]!++;
    const weights = this.#weights[cell]!;
    const spans = this.#spans[cell]!;
    const share = Math.round((weights * weights - spans * weights) * UNITS) / UNITS;
    this.#total[cell]! += share - this.#share[cell]!;
    this.#share[cell] = share;
  }

  /** Adds what was estimated elsewhere. */
  addTotal(cell: number, variance: number): void {
    this.#reach(cell);
    this.#total[cell]! += variance;
  }

  totalOf(cell: number): number {
    return this.#total[cell] ?? 0;
  }

  #reach(cell: number): void {
    while (cell >= this.#total.length) {
      this.#total = grown(this.#total);
      this.#trace = grown(this.#trace);
      this.#spans = grown(this.#spans);
      this.#weights = grown(this.#weights);
      this.#share = grown(this.#share);
    }
  }
}
