/**
 * How a user's worker and the page find each other, whichever is first: each says so when it begins to listen, and the page
 * makes one offer. A dedicated worker is its own end of the line; a shared worker's is its port.
 */

import type { BatchConfig } from './batch-head.ts';

/** Where the other end of the line is: a worker, a port, or a worker's own global scope. */
export interface Line {
  postMessage(message: unknown, transfer: MessagePort[]): void;
  addEventListener(type: 'message', listener: (event: MessageEvent) => void): void;
  removeEventListener(type: 'message', listener: (event: MessageEvent) => void): void;
  /** Ports need it. */
  start?(): void;
}

/** How a producer reaches its host (`producer-host.ts`), and the memory for its ring: its own when this is null. */
export interface Offer {
  readonly port: MessagePort;
  readonly config: BatchConfig;
  readonly buffer: SharedArrayBuffer | null;
}

type Message =
  | { readonly tailrace: 'page' }
  | { readonly tailrace: 'producer' }
  | { readonly tailrace: 'offer'; readonly offer: Offer };

/** Calls `handle` with our messages on the line until it returns true. */
function listen(line: Line, handle: (message: Message) => boolean): void {
  const onMessage = ({ data }: MessageEvent) => {
    if (data?.tailrace && handle(data)) line.removeEventListener('message', onMessage);
  };
  line.addEventListener('message', onMessage);
  line.start?.();
}

function say(line: Line, message: Message, transfer: MessagePort[] = []): void {
  line.postMessage(message, transfer);
}

/** The page's end: makes the offer when the worker is there. */
export function offerTo(line: Line, makeOffer: () => Offer): void {
  listen(line, ({ tailrace }) => {
    if (tailrace !== 'producer') return false;
    const offer = makeOffer();
    say(line, { tailrace: 'offer', offer }, [offer.port]);
    return true;
  });
  say(line, { tailrace: 'page' });
}

/** The worker's end: the offer, when the page makes it. */
export function takeOffer(line: Line): Promise<Offer> {
  return new Promise((resolve) => {
    listen(line, (message) => {
      if (message.tailrace === 'page') say(line, { tailrace: 'producer' });
      if (message.tailrace !== 'offer') return false;
      resolve(message.offer);
      return true;
    });
    say(line, { tailrace: 'producer' });
  });
}
