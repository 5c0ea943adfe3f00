/** Ways in which code goes on later, each with what the parent of the spans in it should be. Runs in pages and in Node. */

import type { Span } from '../../../client/api/span.ts';
import type { Tracer } from '../../../client/api/tracer.ts';

export interface Kit {
  readonly tracer: Tracer;
  /** Starts a span here and notes whether its parent is the one that is right. */
  probe(right: Span | null): void;
  /** Has the user press a button of the page, and waits until that is over. */
  press(id: 'first' | 'second' | 'early'): Promise<void>;
  /** Something to fetch. */
  readonly url: string;
}

export interface Shape {
  readonly name: string;
  /** Needs a page. */
  readonly inPage?: true;
  run(kit: Kit): unknown;
}

const later = (ms = 1) => new Promise<void>((resolve) => setTimeout(resolve, ms));
/** A promise and what settles it. */
const deferred = () => Promise.withResolvers<void>();
const button = (id: string) => document.getElementById(id)!;
/** The span that is active in a listener of this click: what it should be at the end too. */
const clickOf = ({ tracer }: Kit) => tracer.current();

export const SHAPES: readonly Shape[] = [
  {
    name: 'the synchronous part, nested',
    run: ({ tracer, probe }) =>
      tracer.withSpan('a', (a) => {
        tracer.withSpan('b', probe);
        probe(a);
      }),
  },
  {
    name: 'after an error was thrown',
    run: ({ tracer, probe }) =>
      tracer.withSpan('a', (a) => {
        try {
          tracer.withSpan('b', () => JSON.parse('{'));
        } catch {
          probe(a);
        }
      }),
  },
  {
    name: '`tracer.bind(callback)`',
    run: ({ tracer, probe }) => {
      const call = tracer.withSpan('a', (a) => tracer.bind(() => probe(a)));
      tracer.withSpan('b', call);
      return later().then(call);
    },
  },
  {
    name: '`parent:` given by hand',
    run: ({ tracer, probe }) =>
      tracer.withSpan('a', async (a) => {
        await later();
        tracer.withSpan('b', { parent: a }, probe);
      }),
  },
  {
    name: 'after `await`, one after the other',
    run: ({ tracer, probe }) =>
      tracer.withSpan('a', async (a) => {
        await null;
        probe(a);
        await later();
        probe(a);
        const text = `${await Promise.resolve('x')}${await later()}`;
        probe(text ? a : null);
      }),
  },
  {
    name: 'around an inner `withSpan` that was awaited',
    run: ({ tracer, probe }) =>
      tracer.withSpan('a', async (a) => {
        await tracer.withSpan('b', async (b) => {
          await later();
          probe(b);
        });
        probe(a);
      }),
  },
  {
    name: 'an async function without a span of its own',
    run: ({ tracer, probe }) => {
      const work = async (a: Span, depth: number): Promise<void> => {
        await later();
        probe(a);
        if (depth > 0) return await work(a, depth - 1);
      };
      return tracer.withSpan('a', (a) => ({ done: work(a, 3) })).done;
    },
  },
  {
    name: 'parallel branches, `Promise.all`',
    run: ({ tracer, probe }) =>
      tracer.withSpan('a', async (a) => {
        const branch = (ms: number) =>
          tracer.withSpan('branch', async (b) => {
            await later(ms);
            probe(b);
            await later(5 - ms);
            probe(b);
          });
        await Promise.all([branch(1), branch(4), branch(2)]);
        probe(a);
      }),
  },
  {
    name: '`Promise.race`, and what lost it',
    run: ({ tracer, probe }) =>
      tracer.withSpan('a', async (a) => {
        const branch = (ms: number) =>
          tracer.withSpan('branch', async (b) => {
            await later(ms);
            probe(b);
          });
        const slow = branch(8);
        await Promise.race([branch(1), slow]);
        probe(a);
        await slow;
      }),
  },
  {
    name: 'an `await` that rejects: `catch`, `finally`, after',
    run: ({ tracer, probe }) =>
      tracer.withSpan('a', async (a) => {
        try {
          await later().then(() => Promise.reject(new Error('no')));
        } catch {
          probe(a);
        } finally {
          probe(a);
          await later();
          probe(a);
        }
        probe(a);
      }),
  },
  {
    name: 'a promise that another span resolves',
    run: async ({ tracer, probe }) => {
      const { promise, resolve } = deferred();
      const waiting = tracer.withSpan('a', async (a) => {
        await promise;
        probe(a);
      });
      tracer.withSpan('b', (b) => {
        resolve();
        probe(b);
      });
      await waiting;
    },
  },
  {
    name: 'code outside of spans, woken up in one',
    run: async ({ tracer, probe }) => {
      const { promise, resolve } = deferred();
      const waiting = (async () => {
        await promise;
        probe(null);
      })();
      await tracer.withSpan('b', async () => {
        resolve();
        await later();
      });
      await waiting;
      probe(null);
    },
  },
  {
    name: '`then` chains outside of spans, between the steps of one',
    run: async ({ tracer, probe }) => {
      let chain = Promise.resolve();
      for (let i = 0; i < 20; i++) chain = chain.then(() => probe(null));
      const steps = tracer.withSpan('a', async (a) => {
        for (let i = 0; i < 5; i++) {
          await null;
          probe(a);
        }
      });
      await Promise.all([chain, steps]);
    },
  },
  {
    name: 'a thenable',
    run: ({ tracer, probe }) =>
      tracer.withSpan('a', async (a) => {
        const thenable = {
          // biome-ignore lint/suspicious/noThenProperty: that is what is tried.
          then(resolve: (value: number) => void) {
            setTimeout(resolve, 1, 1);
          },
        };
        await thenable;
        probe(a);
      }),
  },
  {
    name: '`then` of any promise',
    run: ({ tracer, probe }) =>
      tracer.withSpan('a', (a) => {
        const done = later().then(() => probe(a));
        return done.then(() => probe(a));
      }),
  },
  {
    name: '`then` of a traced `fetch`, chained',
    run: ({ tracer, probe, url }) =>
      tracer.withSpan('a', (a) =>
        fetch(url)
          .then((response) => {
            probe(a);
            return response.text();
          })
          .then(() => probe(a))
          .finally(() => probe(a)),
      ),
  },
  {
    name: '`await` of a traced `fetch`',
    run: ({ tracer, probe, url }) =>
      tracer.withSpan('a', async (a) => {
        const response = await fetch(url);
        probe(a);
        await response.text();
        probe(a);
      }),
  },
  {
    name: '`setTimeout`, `setInterval`',
    run: ({ tracer, probe }) =>
      tracer.withSpan('a', (a) => {
        const { promise, resolve } = deferred();
        let rounds = 0;
        setTimeout((right: Span) => probe(right), 1, a);
        const interval = setInterval(() => {
          probe(a);
          if (++rounds < 3) return;
          clearInterval(interval);
          resolve();
        }, 2);
        return promise;
      }),
  },
  {
    name: '`queueMicrotask`',
    run: ({ tracer, probe }) => {
      tracer.withSpan('a', (a) => queueMicrotask(() => probe(a)));
      return later();
    },
  },
  {
    name: '`requestAnimationFrame`, `requestIdleCallback`',
    inPage: true,
    run: ({ tracer, probe }) =>
      tracer.withSpan('a', (a) => {
        const frame = deferred();
        const idle = deferred();
        requestAnimationFrame(() => frame.resolve(probe(a)));
        requestIdleCallback(() => idle.resolve(probe(a)), { timeout: 50 });
        return Promise.all([frame.promise, idle.promise]);
      }),
  },
  {
    name: 'a timer inside an `await`',
    run: ({ tracer, probe }) =>
      tracer.withSpan('a', async (a) => {
        await later();
        await new Promise<void>((resolve) => {
          setTimeout(() => {
            probe(a);
            resolve();
          }, 1);
        });
        probe(a);
      }),
  },
  {
    name: "a queue of the page's own, its jobs bound",
    run: async ({ tracer, probe }) => {
      const jobs: (() => void)[] = [];
      const { promise, resolve } = deferred();
      const add = (job: () => void) => {
        jobs.push(tracer.bind(job));
        if (jobs.length > 1) return;
        setTimeout(() => {
          for (const run of jobs.splice(0)) run();
          resolve();
        }, 1);
      };
      tracer.withSpan('a', (a) => add(() => probe(a)));
      tracer.withSpan('b', (b) => add(() => probe(b)));
      await promise;
    },
  },
  {
    name: 'a generator, in the span that takes its items',
    run: ({ tracer, probe }) => {
      function* items(right: () => Span | null) {
        for (let i = 0; i < 3; i++) {
          probe(right());
          yield i;
        }
      }
      tracer.withSpan('a', (a) => {
        const taken = [...items(() => a)];
        probe(taken.length === 3 ? a : null);
      });
    },
  },
  {
    name: 'an async generator and its `for await`',
    run: ({ tracer, probe }) =>
      tracer.withSpan('a', async (a) => {
        async function* items() {
          try {
            for (let i = 0; i < 5; i++) {
              await later();
              probe(a);
              yield i;
              probe(a);
            }
          } finally {
            probe(a);
          }
        }
        for await (const item of items()) {
          probe(a);
          if (item === 2) break;
        }
        probe(a);
      }),
  },
  {
    name: 'an async generator that two spans take items from',
    run: async ({ tracer, probe }) => {
      async function* items() {
        await later();
        yield 1;
        await later();
        yield 2;
      }
      const shared = items();
      const take = (name: string) =>
        tracer.withSpan(name, async (span) => {
          await shared.next();
          probe(span);
        });
      await Promise.all([take('a'), take('b')]);
    },
  },
  {
    name: '`for await` over promises, with labels',
    run: ({ tracer, probe }) =>
      tracer.withSpan('a', async (a) => {
        outer: for await (const ms of [later(2), Promise.resolve(), later(1)]) {
          probe(a);
          for (const skip of [true, false]) {
            if (skip && ms === undefined) continue outer;
          }
        }
        probe(a);
      }),
  },
  {
    name: 'a listener of `EventTarget`, in the span that dispatches',
    run: ({ tracer, probe }) => {
      const target = new EventTarget();
      let right: Span | null = null;
      tracer.withSpan('a', () => target.addEventListener('change', () => probe(right)));
      tracer.withSpan('b', (b) => {
        right = b;
        target.dispatchEvent(new Event('change'));
      });
      right = null;
      target.dispatchEvent(new Event('change'));
    },
  },
  {
    name: '`XMLHttpRequest`, both kinds of listener',
    inPage: true,
    run: ({ tracer, probe, url }) =>
      tracer.withSpan('a', (a) => {
        const { promise, resolve } = deferred();
        const request = new XMLHttpRequest();
        request.open('GET', url);
        request.addEventListener('load', () => probe(a));
        request.onloadend = () => resolve(probe(a));
        request.send();
        return promise;
      }),
  },
  {
    name: 'an `XMLHttpRequest` that another span sends again',
    inPage: true,
    run: async ({ tracer, probe, url }) => {
      const request = new XMLHttpRequest();
      let sender: Span | null = null;
      let done = deferred();
      const send = (span: Span) => {
        sender = span;
        request.open('GET', url);
        request.send();
        return done.promise;
      };
      const first = tracer.withSpan('a', (a) => {
        request.addEventListener('load', () => probe(sender));
        request.onloadend = () => {
          probe(sender);
          done.resolve();
        };
        return send(a);
      });
      await first;
      done = deferred();
      await tracer.withSpan('b', send);
    },
  },
  {
    name: 'messages of a `MessageChannel`, by two spans in turn',
    run: async ({ tracer, probe }) => {
      const { port1, port2 } = new MessageChannel();
      const spans: Span[] = [];
      const done = deferred();
      port1.onmessage = ({ data }) => {
        probe(spans[data] ?? null);
        if (data === 4) done.resolve();
      };
      for (let i = 0; i < 4; i++) {
        tracer.withSpan(`post ${i}`, (span) => {
          spans.push(span);
          port2.postMessage(i);
        });
      }
      port2.postMessage(4);
      await done.promise;
      port1.close();
    },
  },
  {
    name: 'a click on what has a listener from before the SDK',
    inPage: true,
    run: async (kit) => {
      const page = globalThis as { early?: () => void };
      page.early = () => {
        const span = clickOf(kit);
        kit.probe(span?.name === 'click early' ? span : ({} as Span));
      };
      await kit.press('early');
      delete page.early;
    },
  },
  {
    name: 'the same, while a span waits for it',
    inPage: true,
    run: async (kit) => {
      const { promise, resolve } = deferred();
      (globalThis as { early?: () => void }).early = resolve;
      const waiting = kit.tracer.withSpan('a', async (a) => {
        await promise;
        kit.probe(a);
      });
      await kit.press('early');
      await waiting;
    },
  },
  {
    name: 'a click that waits for another click',
    inPage: true,
    run: async (kit) => {
      const confirmed = deferred();
      const done = deferred();
      const ask = async () => {
        const click = clickOf(kit);
        await confirmed.promise;
        kit.probe(click);
        done.resolve();
      };
      // Nobody knows that it goes on.
      const first = () => void ask();
      const second = () => {
        const click = clickOf(kit);
        confirmed.resolve();
        kit.probe(click);
      };
      button('first').addEventListener('click', first);
      button('second').addEventListener('click', second);
      await kit.press('first');
      await kit.press('second');
      await done.promise;
      button('first').removeEventListener('click', first);
      button('second').removeEventListener('click', second);
    },
  },
  {
    name: 'the same with `onclick`',
    inPage: true,
    run: async (kit) => {
      const confirmed = deferred();
      const done = deferred();
      button('first').onclick = async () => {
        const click = clickOf(kit);
        kit.probe(click?.name === 'click first' ? click : ({} as Span));
        await confirmed.promise;
        kit.probe(click);
        done.resolve();
      };
      const second = () => confirmed.resolve();
      button('second').onclick = second;
      if (button('second').onclick !== second) throw new Error('onclick is not what was set');
      await kit.press('first');
      await kit.press('second');
      await done.promise;
      button('first').onclick = button('second').onclick = null;
    },
  },
  {
    name: 'a click, in its listener and a timer there',
    inPage: true,
    run: async (kit) => {
      const done = deferred();
      const listener = () => {
        const click = clickOf(kit);
        kit.probe(click && click.name === 'click first' ? click : ({} as Span));
        setTimeout(() => done.resolve(kit.probe(click)), 1);
      };
      button('first').addEventListener('click', listener);
      await kit.press('first');
      await done.promise;
      button('first').removeEventListener('click', listener);
    },
  },
  {
    name: 'a click, after `await` in its listener',
    inPage: true,
    run: async (kit) => {
      const done = deferred();
      const listener = async () => {
        const click = clickOf(kit);
        await later();
        kit.probe(click);
        done.resolve();
      };
      button('first').addEventListener('click', listener);
      await kit.press('first');
      await done.promise;
      button('first').removeEventListener('click', listener);
    },
  },
  {
    name: 'a span that waits for a click',
    inPage: true,
    run: async (kit) => {
      const { tracer, probe } = kit;
      const { promise, resolve } = deferred();
      const second = () => resolve();
      button('second').addEventListener('click', second);
      const waiting = tracer.withSpan('a', async (a) => {
        await promise;
        probe(a);
      });
      await kit.press('second');
      await waiting;
      button('second').removeEventListener('click', second);
    },
  },
];
