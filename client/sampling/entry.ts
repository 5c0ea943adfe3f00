/**
 * `steering.js`: what does as the edge says, or records less where the page is busy. A file of its own, which only pages load
 * where that happens.
 */

export { onlyEssentials } from './essentials.ts';
export { createRemote } from './remote.ts';
