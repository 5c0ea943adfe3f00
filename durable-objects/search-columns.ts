/** What the columns in memory say of a trace and a search. */

import { cutName } from '../model/names.ts';
import { OTHER } from './columns/operations.ts';
import type { LiveTraces } from './live-traces.ts';
import type { LiveView } from './live-view.ts';
import type { LiveConditions } from './search.ts';

/** `unsure` where the trace's OTLP has to be asked. */
export type Verdict = 'no' | 'yes' | 'unsure';

export class ColumnTests {
  private readonly live: LiveTraces;
  private readonly search: LiveConditions;
  /** By operation id, whether its names pass: of any span, of the root. */
  private readonly names = new Map<number, Verdict>();
  private readonly rootNames = new Map<number, Verdict>();

  /** Spans have to be looked at. */
  readonly asksNames: boolean;

  constructor(live: LiveTraces, search: LiveConditions) {
    this.live = live;
    this.search = search;
    const { service, operation, rootService, rootOperation } = search;
    this.asksNames = [service, operation, rootService, rootOperation].some((name) => name !== undefined);
  }

  /** Of a trace in the range, as long and with the status that are asked for. */
  ask(trace: number): Verdict {
    const { live, search } = this;
    if (!this.asksNames) return search.attributes.length > 0 ? 'unsure' : 'yes';
    const view = live.look(trace);
    const names = this.askAny(view, search.service, search.operation);
    const rootNames = this.askRoot(view, search.rootService, search.rootOperation);
    if (names === 'no' || rootNames === 'no') return 'no';
    return names === 'unsure' || rootNames === 'unsure' || search.attributes.length > 0 ? 'unsure' : 'yes';
  }

  private askAny(view: LiveView, service: string | undefined, operation: string | undefined): Verdict {
    if (service === undefined && operation === undefined) return 'yes';
    let best: Verdict = 'no';
    for (let i = 0; i < view.spanCount; i++) {
      const verdict = this.askNames(this.names, view.operation(i), service, operation);
      if (verdict === 'yes') return verdict;
      if (verdict === 'unsure') best = verdict;
    }
    return best;
  }

  private askRoot(view: LiveView, service: string | undefined, operation: string | undefined): Verdict {
    if (service === undefined && operation === undefined) return 'yes';
    const { root } = view;
    for (let i = 0; i < view.spanCount; i++) {
      // Which of two that start at once is the root, only the order of the spans tells.
      const isTie = i !== root && view.isRoot(i) === view.isRoot(root) && view.startUsOf(i) === view.startUsOf(root);
      if (isTie) return 'unsure';
    }
    return this.askNames(this.rootNames, view.operation(root), service, operation);
  }

  private askNames(
    known: Map<number, Verdict>,
    id: number,
    service: string | undefined,
    operation: string | undefined,
  ): Verdict {
    let verdict = known.get(id);
    if (verdict === undefined) {
      const [ofService, ofName] = [this.live.operations.service(id), this.live.operations.name(id)];
      const passes =
        (service === undefined || cutName(ofService) === cutName(service)) &&
        (operation === undefined || cutName(ofName) === cutName(operation));
      // It may stand for names that there was no room for.
      verdict = ofName === OTHER ? 'unsure' : passes ? 'yes' : 'no';
      known.set(id, verdict);
    }
    return verdict;
  }
}
