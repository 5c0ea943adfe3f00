import { promisify } from 'node:util';
import { expect, it, vi } from 'vitest';
import { carryContext } from '../../../client/context/index.ts';
import { wrapListeners } from '../../../client/instrument/listeners.ts';
import { patch } from '../../../client/instrument/patch.ts';

const NAMES = ['setTimeout', 'setInterval', 'queueMicrotask', 'fetch', 'MessageChannel'] as const;
const { prototype } = EventTarget;
const seen = () => [
  ...NAMES.map((name) => globalThis[name]),
  prototype.addEventListener,
  prototype.removeEventListener,
];

it('puts back all that it patched, whoever patched before or after it and has gone', () => {
  const before = seen();
  const rule = { wants: () => false, run: (_: Event, call: () => unknown) => call() };
  const first = patch(globalThis, 'fetch', (fetch) => (input, init) => fetch(input, init));
  const end = carryContext();
  const last = wrapListeners(rule);
  expect(seen().filter((one) => before.includes(one))).toEqual([MessageChannel]);
  first();
  end();
  last();
  expect(seen().every((one, i) => one === before[i])).toBe(true);
});

it('leaves it to the platform to say when there are too few arguments', () => {
  const platform = (...args: unknown[]) => args.length;
  vi.stubGlobal('requestIdleCallback', platform);
  const end = carryContext();
  const counts = [[], [() => {}], [null, {}]].map((args) => requestIdleCallback(...(args as unknown as [() => void])));
  end();
  expect([counts, requestIdleCallback]).toEqual([[0, 1, 2], platform]);
  vi.unstubAllGlobals();
});

it('does no harm in Node: timers can be promised, and no channel keeps the process alive', async () => {
  const end = carryContext();
  try {
    await promisify(setTimeout)(1);
    const { port1 } = new MessageChannel();
    expect((port1 as unknown as { hasRef(): boolean }).hasRef()).toBe(false);
  } finally {
    end();
  }
});
