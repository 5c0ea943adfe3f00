/** An SDK that is there all the time and does something only while its user agrees. */

import type { InitOptions } from '../api/options.ts';
import { SILENCE } from '../api/silence.ts';
import { Span } from '../api/span.ts';
import type { Tailrace } from '../api/tailrace.ts';
import { type SpanOptions, Tracer } from '../api/tracer.ts';
import { Counters } from '../recorder/counters.ts';
import { deleteDatabase } from '../recorder/database.ts';
import type { Line } from '../recorder/offer.ts';
import type { TraceIdentity } from '../recorder/recordable.ts';

export type Consent = 'pending' | 'granted' | 'denied';

export interface ConsentOptions {
  /** What the user has said so far; `granted` by default. */
  readonly consent?: Consent | undefined;
}

export interface ConsentTailrace extends Tailrace {
  /**
   * `granted` starts tracing. Anything else ends it: what was not sent is dropped, and what waited for the next visit is
   * deleted: who looks for it after that finds nothing. With `denied` also what an earlier visit has left to wait.
   */
  setConsent(consent: Consent): Promise<void>;
}

/** What `start` starts while there is consent, and otherwise nothing; with the same tracer all the time. */
export function gate(
  options: InitOptions & ConsentOptions,
  start: (options: InitOptions) => Tailrace,
): ConsentTailrace {
  let sdk: Tailrace | null = null;
  const tracer = new GatedTracer(() => sdk);
  /** Workers that were given before there was consent. */
  const waiting: Line[] = [];

  async function setConsent(consent: Consent): Promise<void> {
    if (consent === 'granted') {
      sdk ??= start(options);
      for (const worker of waiting.splice(0)) sdk.attachProducer(worker);
      return;
    }
    const ending = sdk;
    sdk = null;
    if (ending) await ending.shutdown({ discard: true });
    else if (consent === 'denied') deleteDatabase();
  }

  void setConsent(options?.consent ?? 'granted');
  return {
    tracer,
    setConsent,
    get mode() {
      return sdk?.mode ?? 'off';
    },
    flush: async () => sdk?.flush(),
    shutdown: async (how) => sdk?.shutdown(how),
    stats: () => sdk?.stats() ?? new Counters().all(),
    attachProducer(worker) {
      if (sdk) sdk.attachProducer(worker);
      else waiting.push(worker);
    },
  };
}

/** What is started without consent is in no trace: its ids are not valid, so nobody passes them on or takes them for a parent. */
const NO_TRACE: TraceIdentity = { words: [0, 0, 0, 0], flags: 0, traceState: '', segmentUs: 0, id0: 0, id1: 0 };

class GatedTracer extends Tracer {
  readonly #sdk: () => Tailrace | null;

  constructor(sdk: () => Tailrace | null) {
    super(SILENCE);
    this.#sdk = sdk;
  }

  override async ready(): Promise<void> {
    await this.#sdk()?.tracer.ready();
  }

  override startSpan(name: string, options: SpanOptions = {}): Span {
    const sdk = this.#sdk();
    if (!sdk) {
      const span = new Span(SILENCE, NO_TRACE, null, name, 1, '', 0);
      span.end();
      return span;
    }
    const { parent = this.current() } = options;
    const isSilent = parent instanceof Span && parent.trace === NO_TRACE;
    return sdk.tracer.startSpan(name, { ...options, parent: isSilent ? null : parent });
  }
}
