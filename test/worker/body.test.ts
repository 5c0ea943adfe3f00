import fc from 'fast-check';
import { expect, it } from 'vitest';
import { IngestError } from '../../worker/errors.ts';
import { readBody } from '../../worker/ingest/body.ts';
import { InFlight } from '../../worker/ingest/in-flight.ts';

const MAX_BYTES = 1_000_000;

/** A request whose body comes in these chunks, whatever its headers say. */
function requestOf(chunks: readonly Uint8Array[], headers: Record<string, string>): Request {
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  const send = async () => {
    for (const chunk of chunks) await writer.write(chunk);
    await writer.close();
  };
  // A reader that has seen enough cancels, and then writing fails.
  send().catch(() => {});
  return new Request('https://edge.test/', { method: 'POST', body: readable, headers });
}

async function read(request: Request): Promise<Uint8Array | IngestError> {
  const inFlight = new InFlight();
  try {
    return await readBody(request, inFlight, MAX_BYTES);
  } catch (error) {
    expect(error).toBeInstanceOf(IngestError);
    return error as IngestError;
  } finally {
    inFlight.release();
  }
}

const size = fc.oneof(fc.nat(2_000), fc.constantFrom(262_143, 262_144, 262_145), fc.nat(400_000));

it('reads what was sent, however it is cut and whatever length was declared, up to the limit', async () => {
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(size, { maxLength: 5 }),
      fc.option(fc.oneof(size, fc.constantFrom(-1, Number.NaN, 0))),
      async (sizes, declared) => {
        const chunks = sizes.map((length, i) => new Uint8Array(length).map((_, at) => i * 31 + at));
        const total = sizes.reduce((sum, length) => sum + length, 0);
        const length = declared === null ? {} : { 'content-length': `${declared}` };
        const body = await read(requestOf(chunks, length as Record<string, string>));
        if (total > MAX_BYTES) {
          refused++;
          expect(body).toMatchObject({ status: 413 });
          return;
        }
        expect(body).toHaveLength(total);
        let at = 0;
        for (const chunk of chunks) {
          expect(Buffer.compare((body as Uint8Array).subarray(at, at + chunk.length), chunk)).toBe(0);
          at += chunk.length;
        }
      },
    ),
    {
      numRuns: 60,
      examples: [
        [[400_000, 400_000, 400_000], 10],
        [[400_000, 400_000, 200_000], null],
      ],
    },
  );
  expect(refused).toBeGreaterThan(0);
});

it('refuses a declared length above the limit before anything is read', async () => {
  const request = requestOf([], { 'content-length': `${MAX_BYTES + 1}` });
  expect(await read(request)).toMatchObject({ status: 413 });
  expect(request.bodyUsed).toBe(false);
});

it('has nothing of a request without a body', async () => {
  expect(await read(new Request('https://edge.test/', { method: 'POST' }))).toEqual(new Uint8Array());
});
