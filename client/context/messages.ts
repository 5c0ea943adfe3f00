/**
 * Listeners of a channel's messages run in the context in which the message was posted, where both ports are in this
 * realm. Messages arrive in the order of posting, so a queue of contexts beside the channel is enough; as soon as it does
 * not fit any more it is given up. `window.postMessage` is not ours to wrap: a wrapper would become the message's source.
 */

import { activeContext, type Context, leftPending, runIn } from '../api/context.ts';
import { wrapHandler } from '../instrument/handlers.ts';
import { wrapListeners } from '../instrument/listeners.ts';
import { patch } from '../instrument/patch.ts';

const MAX_WAITING = 1_000;

/** A message on its way. */
interface Posted {
  readonly context: Context;
  readonly data: unknown;
}

interface Receiver {
  /** Where messages are sent to this one from. */
  readonly peer: MessagePort;
  /** null when it is not known any more what is on its way. */
  waiting: Posted[] | null;
}

export function carryMessages(): () => void {
  const { MessageChannel, MessagePort } = globalThis;
  // Node keeps a process alive for a port that somebody listens at.
  if (typeof MessageChannel !== 'function' || typeof location === 'undefined') return () => {};
  const receivers = new WeakMap<object, Receiver>();
  const arrived = new WeakMap<Event, Context>();

  function follow(port: MessagePort, peer: MessagePort): void {
    const receiver: Receiver = { peer, waiting: [] };
    receivers.set(port, receiver);
    // Before any other listener, so that these find the event's context.
    port.addEventListener('message', (event) => {
      const posted = receiver.waiting?.shift();
      if (posted && isCopy(posted.data, event.data)) arrived.set(event, posted.context);
      else receiver.waiting = null;
    });
  }

  function post(from: MessagePort, data: unknown, options: unknown): void {
    // A port that goes elsewhere takes its messages with it.
    for (const item of transferred(options)) {
      const gone = receivers.get(item);
      if (gone) gone.waiting = null;
    }
    const receiver = receivers.get(receivers.get(from)?.peer as object);
    if (!receiver?.waiting) return;
    receiver.waiting.push({ context: activeContext(), data: isObject(data) ? {} : data });
    if (receiver.waiting.length > MAX_WAITING) receiver.waiting = null;
  }

  const inContext = (event: Event, call: () => unknown) => {
    const context = arrived.get(event);
    return context ? leftPending(runIn(context, call)) : call();
  };

  const ours = new Proxy(MessageChannel, {
    construct(target, args, newTarget) {
      const channel: MessageChannel = Reflect.construct(target, args, newTarget);
      follow(channel.port1, channel.port2);
      follow(channel.port2, channel.port1);
      return channel;
    },
  });
  const put = (channel: typeof MessageChannel) => Reflect.set(globalThis, 'MessageChannel', channel);
  put(ours);
  const undo = [
    () => globalThis.MessageChannel === ours && put(MessageChannel),
    patch(
      MessagePort.prototype,
      'postMessage',
      (original) =>
        function (this: MessagePort, ...args: unknown[]) {
          original.apply(this, args as never);
          post(this, args[0], args[1]);
        },
    ),
    wrapHandler(
      MessagePort.prototype,
      'onmessage',
      (handler) =>
        function (this: unknown, event) {
          return inContext(event, () => handler.call(this, event));
        },
    ),
    wrapListeners({ wants: (target, type) => type === 'message' && receivers.has(target), run: inContext }),
  ];
  return () => {
    for (const step of undo) step();
  };
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** As far as it can be told. */
const isCopy = (posted: unknown, received: unknown) =>
  isObject(posted) ? isObject(received) : Object.is(posted, received);

/** What a call of postMessage gives away. */
function transferred(options: unknown): readonly object[] {
  const list = Array.isArray(options) ? options : (options as { transfer?: unknown } | undefined)?.transfer;
  return Array.isArray(list) ? list.filter(isObject) : [];
}
