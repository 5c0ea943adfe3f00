/** Randomness that can be had again: mulberry32 (https://github.com/cprosche/mulberry32), a 32-bit generator. */

/** Numbers in [0, 1) that follow from the seed. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** The seed to use: from the environment when a failure is to be repeated, else a new one, which is printed. */
export function pickSeed(given: string | undefined): number {
  const seed = given ? Number(given) : crypto.getRandomValues(new Uint32Array(1))[0]!;
  console.log(`seed ${seed}`);
  return seed;
}
