/** Placing an order: check it, hold the pots, charge the card, write it down. */

import { type Span, withSpan } from '../../../client/edge/index.ts';
import { CATALOG, type Product } from './catalog.ts';

/** The bank says no to this one. */
const REFUSED_CARD = 'refused';

class PaymentRefusedError extends Error {
  override readonly name = 'PaymentRefusedError';
}

interface Order {
  readonly items: readonly Product[];
  readonly card: string;
}

/** Answers the order's number, 400 for an order that makes no sense, 500 when the bank refuses. */
export async function placeOrder(request: Request, ctx: ExecutionContext): Promise<Response> {
  const order = await withSpan('check order', async (span) => parseOrder(await request.text(), span));
  if (!order) {
    return Response.json({ error: 'an order is {"items": [product ids], "card": "..."}' }, { status: 400 });
  }
  const totalCents = order.items.reduce((sum, { priceCents }) => sum + priceCents, 0);
  await withSpan('hold stock', (span) => {
    span.setAttribute('shop.order.items', order.items.length);
    return scheduler.wait(35);
  });
  try {
    await withSpan('charge card', (span) => charge(order.card, totalCents, span));
  } catch (error) {
    await withSpan('release stock', () => scheduler.wait(20));
    return Response.json({ error: (error as Error).message }, { status: 500 });
  }
  const number = await withSpan('write order', async () => {
    await scheduler.wait(25);
    return crypto.randomUUID().slice(0, 8);
  });
  ctx.waitUntil(withSpan('send confirmation', () => scheduler.wait(250)));
  return Response.json({ number, totalCents });
}

function parseOrder(text: string, span: Span): Order | null {
  try {
    const { items, card } = JSON.parse(text) as { items: unknown[]; card: unknown };
    const products = items.map((id) => CATALOG.find((product) => product.id === id));
    if (products.length === 0 || !products.every((product) => product !== undefined)) return null;
    return { items: products, card: String(card) };
  } catch (error) {
    span.recordException(error);
    return null;
  }
}

async function charge(card: string, totalCents: number, span: Span): Promise<void> {
  span.setAttributes({ 'shop.payment.amount_cents': totalCents, 'shop.payment.currency': 'EUR' });
  await scheduler.wait(140);
  span.addEvent('bank answered');
  if (card === REFUSED_CARD) throw new PaymentRefusedError('The bank refused the card.');
}
