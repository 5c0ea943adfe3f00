/** A product in a dialog. */

import { traceLink } from './activity.ts';
import type { createApi, ProductCard } from './api.ts';
import { byId, formatPrice } from './dom.ts';
import { drawPot } from './pots.ts';

export function createProductView(api: ReturnType<typeof createApi>, onAdd: (product: ProductCard) => void) {
  const dialog = byId<HTMLDialogElement>('product');
  let shown: ProductCard | null = null;

  byId('add').addEventListener('click', () => {
    if (shown) onAdd(shown);
    dialog.close();
  });

  /** Shows what is known at once, and the rest when it has come. */
  return async function open(product: ProductCard): Promise<void> {
    const answer = api.product(product.id);
    shown = product;
    byId('product-art').replaceChildren(drawPot(product.id));
    byId('product-name').textContent = product.name;
    byId('product-note').textContent = product.note;
    byId('product-price').textContent = formatPrice(product.priceCents);
    byId('product-description').textContent = '';
    byId('product-stock').textContent = '';
    byId('product-trace').replaceChildren();
    dialog.showModal();
    const { body, error, traceId } = await answer;
    if (shown !== product) return;
    byId('product-description').textContent = body?.description ?? error;
    byId('product-stock').textContent = body ? `${body.stock} left` : '';
    byId('product-trace').replaceChildren(...traceLink(traceId));
  };
}
