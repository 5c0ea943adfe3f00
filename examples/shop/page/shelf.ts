/** The shelf of products, and the search that thins it out. */

import type { createApi, ProductCard } from './api.ts';
import { byId, formatPrice, make } from './dom.ts';
import { drawPot } from './pots.ts';

export function createShelf(api: ReturnType<typeof createApi>, onOpen: (product: ProductCard) => void) {
  const shelf = byId('shelf');
  const note = byId('shelf-note');
  const form = byId<HTMLFormElement>('search');
  const input = form.querySelector<HTMLInputElement>('input')!;
  let products: readonly ProductCard[] = [];

  function render(shown: readonly ProductCard[]): void {
    shelf.replaceChildren(
      ...shown.map((product) => {
        const button = make('button', { type: 'button', className: 'card' });
        // The name of its clicks in traces: one for all products, so that they can be compared.
        button.dataset.traceName = 'product card';
        button.append(
          drawPot(product.id),
          make('span', { className: 'name' }, product.name),
          make('span', { className: 'note' }, product.note),
          make('span', { className: 'price' }, formatPrice(product.priceCents)),
        );
        button.addEventListener('click', () => onOpen(product));
        return make('li', {}, button);
      }),
    );
  }

  async function busy<T>(text: string, work: Promise<T>): Promise<T> {
    note.textContent = text;
    shelf.setAttribute('aria-busy', 'true');
    const result = await work;
    shelf.setAttribute('aria-busy', 'false');
    return result;
  }

  async function search(text: string): Promise<void> {
    const { body, error } = await busy('Looking through the archive…', api.search(text));
    if (!body) {
      note.textContent = error;
      return;
    }
    const found = products.filter(({ id }) => body.ids.includes(id));
    render(found);
    note.textContent =
      found.length === 0 ? `Nothing for “${text}”.` : text === '' ? '' : `${found.length} for “${text}”`;
  }

  // On the click, not on the submit event after it, so that the request belongs to the click. Enter clicks it too.
  form.querySelector('button')!.addEventListener('click', (event) => {
    event.preventDefault();
    void search(input.value.trim());
  });

  return {
    /** The first product; undefined until the list has come. */
    first: () => products[0],
    async load(): Promise<void> {
      const { body, error } = await busy('', api.products());
      products = body ?? [];
      render(products);
      note.textContent = error ?? '';
    },
    search(text: string): Promise<void> {
      input.value = text;
      return search(text);
    },
  };
}
