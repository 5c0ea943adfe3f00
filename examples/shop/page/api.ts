/** The shop's API, and what each request was like. */

export interface ProductCard {
  readonly id: string;
  readonly name: string;
  readonly priceCents: number;
  readonly note: string;
}

export interface ProductDetail extends ProductCard {
  readonly description: string;
  readonly stock: number;
}

/** One request as the visitor saw it. */
export interface Exchange<T> {
  /** `GET api/products`. */
  readonly title: string;
  /** 0 when nothing answered. */
  readonly status: number;
  readonly durationMs: number;
  /** When the answer had been read, in milliseconds since the Unix epoch. */
  readonly endedMs: number;
  /** 32 hex digits; null when the answer did not say. */
  readonly traceId: string | null;
  /** null when the request failed. */
  readonly body: T | null;
  readonly error: string | null;
}

/** Called with every exchange. */
export type Observer = (exchange: Exchange<unknown>) => void;

export function createApi(observe: Observer) {
  async function send<T>(path: string, init?: RequestInit): Promise<Exchange<T>> {
    const startedMs = performance.now();
    const exchange = await fetch(path, init).then(
      async (response) => {
        const body = (await response.json().catch(() => null)) as (T & { error?: string }) | null;
        const error = response.ok ? null : (body?.error ?? `The shop answered ${response.status}.`);
        return { status: response.status, traceId: traceIdOf(response), body: response.ok ? body : null, error };
      },
      () => ({ status: 0, traceId: null, body: null, error: 'The shop did not answer.' }),
    );
    const title = `${init?.method ?? 'GET'} ${path}`;
    const seen = { ...exchange, title, durationMs: performance.now() - startedMs, endedMs: Date.now() };
    observe(seen);
    return seen;
  }
  return {
    products: () => send<ProductCard[]>('api/products'),
    product: (id: string) => send<ProductDetail>(`api/products/${encodeURIComponent(id)}`),
    search: (text: string) => send<{ ids: string[] }>(`api/search?q=${encodeURIComponent(text)}`),
    order: (items: readonly string[], card: string) =>
      send<{ number: string; totalCents: number }>('api/orders', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ items, card }),
      }),
  };
}

/** The gateway names the trace in a `traceresponse` header. */
function traceIdOf(response: Response): string | null {
  return /^00-([0-9a-f]{32})-/.exec(response.headers.get('traceresponse') ?? '')?.[1] ?? null;
}
