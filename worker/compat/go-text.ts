/** Parameters as Go's standard library reads them, with its words for what is wrong: Jaeger's errors are made of these. */

/** The message is Go's; who catches it says of which parameter it is. */
export class GoError extends Error {
  override readonly name = 'GoError';
}

const UNITS_NS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};
const BOOLS: Readonly<Record<string, boolean>> = {
  ...Object.fromEntries(['1', 't', 'T', 'TRUE', 'true', 'True'].map((text) => [text, true])),
  ...Object.fromEntries(['0', 'f', 'F', 'FALSE', 'false', 'False'].map((text) => [text, false])),
};
const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,](\d+))?(?:Z|[+-]\d\d:\d\d)$/;

/** `strconv.ParseInt`, and `strconv.Atoi` by that name; what a JSON number does not hold is out of range. */
export function parseGoInt(text: string, name: 'ParseInt' | 'Atoi' = 'ParseInt', bits: 32 | 64 = 64): number {
  if (!/^[+-]?\d+$/.test(text)) throw new GoError(`strconv.${name}: parsing ${JSON.stringify(text)}: invalid syntax`);
  const number = Number(text);
  if (Math.abs(number) <= (bits === 32 ? 2 ** 31 - 1 : Number.MAX_SAFE_INTEGER)) return number;
  throw new GoError(`strconv.${name}: parsing ${JSON.stringify(text)}: value out of range`);
}

export function parseGoFloat(text: string): number {
  const number = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isNaN(number)) return number;
  throw new GoError(`strconv.ParseFloat: parsing ${JSON.stringify(text)}: invalid syntax`);
}

export function parseGoBool(text: string): boolean {
  if (Object.hasOwn(BOOLS, text)) return BOOLS[text]!;
  throw new GoError(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
}

/** `time.ParseDuration`, such as `1h15m30.5s`, in microseconds, rounded. */
export function parseGoDurationUs(text: string): number {
  const quoted = JSON.stringify(text);
  const [, sign = '', rest = ''] = /^([+-]?)(.*)$/s.exec(text)!;
  if (rest === '0') return 0;
  if (rest === '') throw new GoError(`time: invalid duration ${quoted}`);
  let ns = 0;
  for (let at = 0; at < rest.length; ) {
    const [part, number = '', unit = ''] = /^(\d*\.?\d*)([^\d.]*)/.exec(rest.slice(at))!;
    if (!/\d/.test(number)) throw new GoError(`time: invalid duration ${quoted}`);
    if (unit === '') throw new GoError(`time: missing unit in duration ${quoted}`);
    if (!Object.hasOwn(UNITS_NS, unit)) throw new GoError(`time: unknown unit "${unit}" in duration ${quoted}`);
    ns += Number(number) * UNITS_NS[unit]!;
    at += part.length;
  }
  if (ns >= 2 ** 63) throw new GoError(`time: invalid duration ${quoted}`);
  return Math.round(ns / 1000) * (sign === '-' ? -1 : 1);
}

/** `time.Parse(time.RFC3339Nano, …)`, in microseconds since the epoch, rounded down. */
export function parseGoTimeUs(text: string): number {
  const fraction = RFC_3339.exec(text)?.[1] ?? '';
  const seconds = RFC_3339.test(text) ? Date.parse(text.replace(/[.,]\d+/, '')) : Number.NaN;
  if (!Number.isNaN(seconds)) return seconds * 1000 + Number(fraction.padEnd(6, '0').slice(0, 6));
  const quoted = JSON.stringify(text);
  throw new GoError(
    `parsing time ${quoted} as "2006-01-02T15:04:05.999999999Z07:00": cannot parse ${quoted} as "2006"`,
  );
}

/** `json.Unmarshal` into a `map[string]string`. */
export function parseGoTextMap(json: string): Map<string, string> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch (error) {
    throw new GoError((error as Error).message);
  }
  if (parsed === null) return new Map();
  if (typeof parsed !== 'object' || Array.isArray(parsed)) {
    throw new GoError(`json: cannot unmarshal ${jsonType(parsed)} into Go value of type map[string]string`);
  }
  return new Map(
    Object.entries(parsed).map(([key, value]) => {
      if (typeof value === 'string') return [key, value];
      if (value === null) return [key, ''];
      throw new GoError(`json: cannot unmarshal ${jsonType(value)} into Go value of type string`);
    }),
  );
}

function jsonType(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}
