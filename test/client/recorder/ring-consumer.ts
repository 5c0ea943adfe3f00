/** The other thread of `ring.test.ts`: drains the ring, and counts what it could release. */
import { parentPort, workerData } from 'node:worker_threads';
import { createClaim, DRAIN } from '../../../client/recorder/claim.ts';
import { createRing } from '../../../client/recorder/ring.ts';

const ring = createRing(workerData.buffer);
const claim = createClaim(workerData.buffer, DRAIN);
const released: number[] = [];
let isDone = false;

/** True when there was something to release. */
function drain(): boolean {
  if (!claim.check()) return false;
  const numbers: number[] = [];
  try {
    const end = ring.read(claim.position, 2048, (index) => numbers.push(ring.words[index + 1]!));
    if (claim.release(end)) released.push(...numbers);
  } catch (error) {
    // What was read had been released by the other side meanwhile; anything else is a fault.
    if (claim.holds()) throw error;
  }
  return numbers.length > 0;
}

function step(): void {
  const isEmpty = !drain();
  if (isDone && isEmpty) parentPort!.postMessage(released);
  else setImmediate(step);
}

parentPort!.once('message', () => {
  isDone = true;
});
step();
