/** A search that takes its time: the archive is read shelf by shelf. */

import { withSpan } from '../../../client/edge/index.ts';
import { CATALOG } from './catalog.ts';

const SHELVES = 3;
const SHELF_MS = 340;

/** Ids of the products that hold every word of `text` in their name or description. */
export async function search(text: string): Promise<{ query: string; ids: string[] }> {
  const words = withSpan('split query', (span) => {
    const found = text.toLowerCase().split(/\s+/).filter(Boolean).slice(0, 8);
    span.setAttribute('shop.search.words', found.length);
    return found;
  });
  const shelved: string[][] = [];
  for (let shelf = 0; shelf < SHELVES; shelf++) shelved.push(await readShelf(shelf, words));
  const ids = await withSpan('rank results', async (span) => {
    await scheduler.wait(120);
    const all = shelved.flat();
    span.setAttribute('shop.search.results', all.length);
    return all;
  });
  return { query: text, ids };
}

function readShelf(shelf: number, words: readonly string[]): Promise<string[]> {
  return withSpan('read shelf', async (span) => {
    await scheduler.wait(SHELF_MS);
    const products = CATALOG.filter((_, index) => index % SHELVES === shelf);
    const hits = products.filter(({ name, note, description }) => {
      const haystack = `${name} ${note} ${description}`.toLowerCase();
      return words.every((word) => haystack.includes(word));
    });
    span.setAttributes({ 'shop.shelf': shelf, 'shop.shelf.read': products.length, 'shop.shelf.hits': hits.length });
    return hits.map(({ id }) => id);
  });
}
