/** Catalog, stock, search and orders. The waits stand for the databases and the bank a real one would ask. */

import { currentSpan, instrument, withSpan } from '../../../client/edge/index.ts';
import { type TracingEnv, tracing } from '../tracing.ts';
import { CATALOG } from './catalog.ts';
import { placeOrder } from './order.ts';
import { search } from './search.ts';

export default instrument<TracingEnv>(
  {
    async fetch(request, _env, ctx) {
      const url = new URL(request.url);
      const [, resource, id] = url.pathname.split('/');
      switch (`${request.method} ${resource}${id === undefined ? '' : '/:id'}`) {
        case 'GET products':
          currentSpan().setAttribute('http.route', '/products');
          return Response.json(await listProducts());
        case 'GET products/:id':
          currentSpan().setAttribute('http.route', '/products/:id');
          return found(await loadProduct(id!), `there is no product '${id}'`);
        case 'GET stock/:id':
          currentSpan().setAttribute('http.route', '/stock/:id');
          return found(await countStock(id!), `there is no product '${id}'`);
        case 'GET search':
          currentSpan().setAttribute('http.route', '/search');
          return Response.json(await search(url.searchParams.get('q') ?? ''));
        case 'POST orders':
          currentSpan().setAttribute('http.route', '/orders');
          return placeOrder(request, ctx);
        default:
          return found(null, `there is no ${request.method} ${url.pathname}`);
      }
    },
  },
  (env) => tracing('shop-orders', env),
);

function found(body: object | null, error: string): Response {
  return body ? Response.json(body) : Response.json({ error }, { status: 404 });
}

function listProducts() {
  return withSpan('read catalog', async (span) => {
    await scheduler.wait(12);
    span.setAttribute('shop.product.count', CATALOG.length);
    return CATALOG.map(({ id, name, priceCents, note }) => ({ id, name, priceCents, note }));
  });
}

function loadProduct(id: string) {
  return withSpan('read product', async (span) => {
    span.setAttribute('shop.product.id', id);
    await scheduler.wait(8);
    const product = CATALOG.find((candidate) => candidate.id === id);
    if (!product) return null;
    const { stock: _, ...rest } = product;
    return rest;
  });
}

function countStock(id: string) {
  return withSpan('count stock', async (span) => {
    span.setAttribute('shop.product.id', id);
    await scheduler.wait(18);
    const product = CATALOG.find((candidate) => candidate.id === id);
    return product ? { stock: product.stock } : null;
  });
}
