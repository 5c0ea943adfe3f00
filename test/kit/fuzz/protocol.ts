/** What the fuzzer knows of a protocol, and of an edge. */

/** Ids in hex. */
export interface SentSpan {
  readonly traceId: string;
  readonly spanId: string;
}

/** An edge, with the keys that each path needs. */
export interface FuzzEdge {
  call(path: string, init?: RequestInit): Promise<Response>;
  /** Opens a WebSocket. @returns what sends a message on it. */
  connect(path: string, onText: (text: string) => void, onClose: () => void): Promise<(message: Uint8Array) => void>;
}

export interface FuzzAnswer {
  /** As HTTP would say it: 200, or why nothing was taken. */
  readonly status: number;
  /** With status 200: how many of the body's spans were not taken, and how many were, where the protocol says that too. */
  readonly rejected: number;
  readonly accepted?: number;
  /** What was answered, for a person. */
  readonly text: string;
}

export interface FuzzProtocol {
  readonly name: string;
  /** As `/metrics` names it. */
  readonly counted: string;
  /** Two framings of the same messages share the inputs of a protocol: a half for each. */
  readonly share?: number;
  /** Valid bodies. */
  samples(seed: number, count: number): Uint8Array[];
  mutate(body: Uint8Array, random: () => number): Uint8Array;
  /** The spans of a body that was taken, wrong ones included. */
  spansOf(body: Uint8Array): SentSpan[];
  send(edge: FuzzEdge, body: Uint8Array): Promise<FuzzAnswer>;
}

/** What was answered over HTTP. `read` says what an answer of 200 says. */
export async function post(
  edge: FuzzEdge,
  path: string,
  type: string,
  body: Uint8Array,
  read: (answer: Uint8Array) => Pick<FuzzAnswer, 'accepted' | 'rejected'>,
): Promise<FuzzAnswer> {
  const { status, bytes } = await exchange(edge, path, type, body);
  return { status, ...(status === 200 ? read(bytes) : { rejected: 0 }), text: textOf(bytes) };
}

export async function exchange(edge: FuzzEdge, path: string, type: string, body: Uint8Array) {
  const answer = await edge.call(path, { method: 'POST', headers: { 'content-type': type }, body: body.slice() });
  const bytes = new Uint8Array(await answer.arrayBuffer());
  return { status: answer.status, headers: answer.headers, bytes };
}

const decoder = new TextDecoder();
export const textOf = (bytes: Uint8Array): string => decoder.decode(bytes);
export const jsonBytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
