/** An SDK that is there all the time and does something only while its user agrees. */

import type { InitOptions } from '../api/options.ts';
import { SILENCE } from '../api/silence.ts';
import type { Span } from '../api/span.ts';
import type { Tailrace } from '../api/tailrace.ts';
import { type SpanOptions, Tracer } from '../api/tracer.ts';
import { Counters } from '../recorder/counters.ts';

export type Consent = 'pending' | 'granted' | 'denied';

export interface ConsentOptions {
  /** What the user has said so far; `granted` by default. */
  readonly consent?: Consent;
}

export interface ConsentTailrace extends Tailrace {
  /**
   * `granted` starts tracing. Anything else ends it: what was not sent is dropped, and what waited for the next visit is
   * deleted: who looks for it after that finds nothing.
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

  async function setConsent(consent: Consent): Promise<void> {
    if (consent === 'granted') {
      sdk ??= start(options);
      return;
    }
    const ending = sdk;
    sdk = null;
    await ending?.shutdown({ discard: true });
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
    attachProducer: async (worker) => sdk?.attachProducer(worker),
  };
}

class GatedTracer extends Tracer {
  readonly #sdk: () => Tailrace | null;
  readonly #silent = new WeakSet<object>();

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
      // It has ended before it begins, so nobody takes it for one that is recorded.
      const span = super.startSpan(name, { ...options, parent: null });
      span.end();
      this.#silent.add(span);
      return span;
    }
    const { parent = this.current() } = options;
    return sdk.tracer.startSpan(name, { ...options, parent: parent && this.#silent.has(parent) ? null : parent });
  }
}
