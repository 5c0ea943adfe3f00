/** What the edge tells its SDKs: the answer of `GET /v1/config`, and the header that says when to ask for it again. */

export interface SdkConfig {
  /** 8 hex digits, of all that follows. */
  readonly version: string;
  /** The share of traces that is recorded; absent where everybody's own options hold. */
  readonly sampleRate?: number;
  /** The first that has a root span's name, of which a `*` at the end stands for anything. */
  readonly routes: readonly { readonly name: string; readonly sampleRate: number }[];
  readonly paused: boolean;
  /** Until a time of the edge's clock, another share, whatever the route. */
  readonly boost?: { readonly sampleRate: number; readonly untilMs: number };
}

/** What an SDK does where nobody tells it anything. Where that is all there is to tell, nobody has to ask. */
export const NO_SDK_CONFIG: SdkConfig = { version: 'b4276414', routes: [], paused: false };

/** What an edge answered, as far as it can be gone by: null where it is not what an edge answers. */
export function parseSdkConfig(json: unknown): SdkConfig | null {
  if (typeof json !== 'object' || json === null) return null;
  const { version, sampleRate, routes, paused, boost } = json as { readonly [K in keyof SdkConfig]?: unknown };
  const isWhole =
    typeof version === 'string' &&
    typeof paused === 'boolean' &&
    (sampleRate === undefined || isShare(sampleRate)) &&
    Array.isArray(routes) &&
    routes.every((route) => typeof route?.name === 'string' && isShare(route.sampleRate)) &&
    (boost === undefined || isBoost(boost as SdkConfig['boost'] | null));
  return isWhole ? (json as SdkConfig) : null;
}

const isShare = (value: unknown) => typeof value === 'number' && value >= 0 && value <= 1;
const isBoost = (boost: Partial<SdkConfig['boost']> | null) =>
  isShare(boost?.sampleRate) && typeof boost?.untilMs === 'number';

export const DIRECTIVES_HEADER = 'tailrace-directives';

/** What the header says of each answer. */
export interface Directives {
  /** Which configuration there is; another one than the one that is known is to be fetched. */
  readonly config: string | null;
  /** The edge's clock, milliseconds since the epoch. */
  readonly timeMs: number | null;
  /** Ids of traces of which no more is to be recorded. */
  readonly stopped: readonly string[];
}

/** `config=1a2b3c4d, time=1790000000000, stop=0af7651916cd43dd8448eb211c80319c`, of which everything may be missing. */
export function formatDirectives({ config, timeMs, stopped }: Directives): string {
  const parts = stopped.map((id) => `stop=${id}`);
  if (timeMs !== null) parts.unshift(`time=${timeMs}`);
  if (config !== null) parts.unshift(`config=${config}`);
  return parts.join(', ');
}

/** What is not understood is as if it were not there. */
export function parseDirectives(header: string | null): Directives {
  let config: string | null = null;
  let timeMs: number | null = null;
  const stopped: string[] = [];
  for (const part of (header ?? '').split(',')) {
    const [name, value = ''] = part.trim().split('=');
    if (name === 'config' && /^[0-9a-f]{8}$/.test(value)) config = value;
    else if (name === 'time' && /^\d{1,15}$/.test(value)) timeMs = Number(value);
    else if (name === 'stop' && /^[0-9a-f]{32}$/.test(value)) stopped.push(value);
  }
  return { config, timeMs, stopped };
}
