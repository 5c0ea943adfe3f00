/** The basket: what is in it, and paying for it. */

import { traceLink } from './activity.ts';
import type { createApi, ProductCard } from './api.ts';
import { byId, formatPrice, make } from './dom.ts';

const CARD = 'accepted';
const REFUSED_CARD = 'refused';

export function createBasket(api: ReturnType<typeof createApi>) {
  const items: ProductCard[] = [];
  const dialog = byId<HTMLDialogElement>('basket');
  const result = byId('pay-result');

  function render(): void {
    byId('basket-count').textContent = String(items.length);
    byId('basket-total').textContent = formatPrice(items.reduce((sum, { priceCents }) => sum + priceCents, 0));
    const lines = items.map(({ name, priceCents }) => make('li', {}, name, make('span', {}, formatPrice(priceCents))));
    byId('basket-items').replaceChildren(...(lines.length > 0 ? lines : [make('li', {}, 'Nothing in it yet.')]));
    for (const id of ['pay', 'pay-refused']) byId<HTMLButtonElement>(id).disabled = items.length === 0;
  }

  function say(text: string, tone: string, traceId: string | null = null): void {
    result.textContent = text;
    result.dataset.tone = tone;
    byId('pay-trace').replaceChildren(...traceLink(traceId));
  }

  /** Starts the request at once, so that it belongs to the click. */
  async function pay(card: string): Promise<void> {
    const answer = api.order(
      items.map(({ id }) => id),
      card,
    );
    say('Asking the bank…', 'waiting');
    const { body, error, traceId } = await answer;
    if (!body) return say(`${error} Nothing was charged.`, 'failing', traceId);
    items.length = 0;
    render();
    say(`Thank you. Your order is ${body.number}.`, 'fast', traceId);
  }

  byId('pay').addEventListener('click', () => void pay(CARD));
  byId('pay-refused').addEventListener('click', () => void pay(REFUSED_CARD));
  byId('open-basket').addEventListener('click', () => open());
  render();

  function open(): void {
    say('', '');
    dialog.showModal();
  }

  return {
    add(product: ProductCard): void {
      items.push(product);
      render();
    },
    /** Pays for `product`, or what is there already, with a card the bank refuses. */
    async payRefused(product: ProductCard): Promise<void> {
      if (items.length === 0) this.add(product);
      const paying = pay(REFUSED_CARD);
      dialog.showModal();
      await paying;
    },
  };
}
