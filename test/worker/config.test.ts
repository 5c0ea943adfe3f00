/** What an isolate knows of the keys, while its requests come and go. */
import { env } from 'cloudflare:workers';
import { expect, it } from 'vitest';
import type { Env } from '../../durable-objects/env.ts';
import type { ControlState } from '../../durable-objects/protocol.ts';
import { currentKeys, outdateKeys } from '../../worker/config.ts';

/** Bindings with a Control that answers when the test says so, with keys of this version. */
function withSlowControl(shards: number) {
  const answers: ((version: number) => void)[] = [];
  const current = () =>
    new Promise<ControlState>((resolve) => {
      answers.push((version) => resolve({ document: null, table: null, keys: { version, keys: [] } }));
    });
  const bindings: Env = {
    ...env,
    TAILRACE_CONFIG: JSON.stringify({ shards }),
    CONTROL: { getByName: () => ({ current }) } as unknown as Env['CONTROL'],
  };
  const outlives: Promise<unknown>[] = [];
  const ask = () => currentKeys(bindings, (work) => outlives.push(work), Date.now());
  return { bindings, answers, outlives, ask };
}

it('asks to the end for all who wait, though the request that began is gone', async () => {
  const { answers, outlives, ask } = withSlowControl(2);
  const both = [ask(), ask()];
  expect([answers.length, outlives.length]).toEqual([1, 1]);
  answers[0]!(1);
  expect(await Promise.all(both)).toEqual([
    { version: 1, keys: [] },
    { version: 1, keys: [] },
  ]);
});

it('does not go by what Control said before a change', async () => {
  const { bindings, answers, ask } = withSlowControl(3);
  const before = ask();
  outdateKeys(bindings);
  const after = ask();
  expect(answers).toHaveLength(2);
  answers[1]!(2);
  expect(await after).toEqual({ version: 2, keys: [] });
  answers[0]!(1);
  expect(await before).toEqual({ version: 2, keys: [] });
  expect(await ask()).toEqual({ version: 2, keys: [] });
});
