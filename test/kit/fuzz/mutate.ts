/** Changes of valid inputs that a decoder must survive. */

type Random = () => number;
type Mutate = (bytes: Uint8Array, random: Random) => Uint8Array;

const INTERESTING = [0x00, 0x01, 0x7f, 0x80, 0xff, 0x0a, 0x12, 0x22, 0x5b, 0x5d, 0x7b, 0x7d, 0x2c];
const INTERESTING_VALUES: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1e308,
  2 ** 53,
  '',
  '0',
  '-1',
  '18446744073709551616',
  '\ud800',
  'x'.repeat(5_000),
  [],
  {},
  [[[[[[]]]]]],
];

const pick = (random: Random, below: number) => Math.floor(random() * below);

/** One to four changes. */
export function mutateBytes(bytes: Uint8Array, random: Random): Uint8Array {
  let out = bytes;
  for (let rest = 1 + pick(random, 4); rest > 0; rest--) out = CHANGES[pick(random, CHANGES.length)]!(out, random);
  return out;
}

/** Half of the time a change of the values, which is valid JSON again, otherwise of the bytes. */
export function mutateJson(bytes: Uint8Array, random: Random): Uint8Array {
  if (random() < 0.5) return mutateBytes(bytes, random);
  const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
  const places: [Record<string, unknown>, string][] = [];
  const visit = (at: unknown) => {
    if (typeof at !== 'object' || at === null) return;
    for (const [key, child] of Object.entries(at)) {
      places.push([at as Record<string, unknown>, key]);
      visit(child);
    }
  };
  visit(value);
  for (let rest = Math.min(places.length, 1 + pick(random, 3)); rest > 0; rest--) {
    const [parent, key] = places[pick(random, places.length)]!;
    const [from, fromKey] = places[pick(random, places.length)]!;
    if (random() < 0.2) delete parent[key];
    else if (random() < 0.3) parent[key] = structuredClone(from[fromKey]);
    else parent[key] = INTERESTING_VALUES[pick(random, INTERESTING_VALUES.length)];
  }
  return new TextEncoder().encode(JSON.stringify(value));
}

const CHANGES: readonly Mutate[] = [
  (bytes, random) => set(bytes, random, (byte) => byte ^ (1 << pick(random, 8))),
  (bytes, random) => set(bytes, random, () => INTERESTING[pick(random, INTERESTING.length)]!),
  (bytes, random) => set(bytes, random, () => pick(random, 256)),
  (bytes, random) => bytes.slice(0, pick(random, bytes.length + 1)),
  (bytes, random) => {
    const [from, to] = range(bytes, random);
    return concat(bytes.subarray(0, from), bytes.subarray(to));
  },
  (bytes, random) => {
    const [from, to] = range(bytes, random);
    return concat(bytes.subarray(0, to), bytes.subarray(from));
  },
  (bytes, random) => {
    const [from] = range(bytes, random);
    const inserted = Uint8Array.from({ length: 1 + pick(random, 8) }, () => pick(random, 256));
    return concat(bytes.subarray(0, from), inserted, bytes.subarray(from));
  },
];

function set(bytes: Uint8Array, random: Random, change: (byte: number) => number): Uint8Array {
  const out = bytes.slice();
  const at = pick(random, out.length);
  if (out.length > 0) out[at] = change(out[at]!);
  return out;
}

/** At most 64 bytes. */
function range(bytes: Uint8Array, random: Random): [from: number, to: number] {
  const from = pick(random, bytes.length + 1);
  return [from, Math.min(bytes.length, from + pick(random, 65))];
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
