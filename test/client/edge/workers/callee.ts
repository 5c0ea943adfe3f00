/** Answers with what it was sent, and does arithmetic over RPC. */

import { WorkerEntrypoint } from 'cloudflare:workers';
import { type EdgeOptions, instrument } from '../../../../client/edge/index.ts';

interface Env {
  readonly EDGE: string;
}

export class Arithmetic extends WorkerEntrypoint {
  add(a: number, b: number): number {
    return a + b;
  }

  get answer(): number {
    return 42;
  }

  nested() {
    return { twice: (n: number) => 2 * n };
  }

  /** Asks through a binding that it was handed. */
  async ask(binding: Fetcher): Promise<string> {
    return (await binding.fetch('https://callee/')).text();
  }

  override fetch(): Response {
    return new Response('arithmetic');
  }
}

export default instrument<Env>(
  {
    async fetch(request) {
      const url = new URL(request.url);
      const status = Number(url.searchParams.get('status') ?? 200);
      const { method, headers } = request;
      return Response.json(
        {
          method,
          url: request.url,
          traceparent: headers.get('traceparent'),
          tracestate: headers.get('tracestate'),
          custom: headers.get('x-custom'),
          body: await request.text(),
        },
        { status },
      );
    },
  },
  (env): EdgeOptions => ({ serviceName: 'callee', endpoint: env.EDGE }),
);
