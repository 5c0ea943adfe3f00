/** `tailrace/context`: carries the active span over timers, callbacks, listeners and messages. */

export { carryContext } from './carry.ts';
