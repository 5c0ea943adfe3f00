/** The shop's front: serves the page, and answers its API by asking the orders service. */

import { currentSpan, instrument, withSpan } from '../../../client/edge/index.ts';
import { type TracingEnv, tracing } from '../tracing.ts';

interface Env extends TracingEnv {
  readonly ASSETS: Fetcher;
  readonly ORDERS: Fetcher;
}

/** A service binding goes by its name, not by a host. */
const ORDERS = 'https://orders';

const shop = instrument<Env>(
  {
    async fetch(request, env) {
      const response = await route(request, env);
      // So that the page can link to the trace, even where its own SDK is blocked
      // (https://www.w3.org/TR/trace-context-2/#traceresponse-header).
      const { traceId, spanId } = currentSpan().context;
      const answer = new Response(response.body, response);
      answer.headers.set('traceresponse', `00-${traceId}-${spanId}-01`);
      return answer;
    },
  },
  (env) => tracing('shop-gateway', env),
);

export default {
  fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith('/shop/api/')) return shop.fetch!(request, env, ctx);
    if (pathname.startsWith('/shop/')) return env.ASSETS.fetch(request);
    // On an address of its own (workers.dev) the shop lends it to the edge, whose script and page it links to.
    return env.TAILRACE?.fetch(request) ?? new Response('not found', { status: 404 });
  },
} satisfies ExportedHandler<Env>;

async function route(request: Request, { ORDERS: orders }: Env): Promise<Response> {
  const url = new URL(request.url);
  const [resource, id] = url.pathname.slice('/shop/api/'.length).split('/');
  switch (`${request.method} ${resource}${id === undefined ? '' : '/:id'}`) {
    case 'GET products':
      named('/shop/api/products');
      return orders.fetch(`${ORDERS}/products`);
    case 'GET products/:id':
      named('/shop/api/products/:id');
      return productWithStock(orders, id!);
    case 'GET search':
      named('/shop/api/search');
      return orders.fetch(`${ORDERS}/search${url.search}`);
    case 'POST orders':
      named('/shop/api/orders');
      return placeOrder(orders, request);
    default:
      return Response.json({ error: `there is no ${request.method} ${url.pathname}` }, { status: 404 });
  }
}

function named(route: string): void {
  currentSpan().setAttribute('http.route', route);
}

/** Description and stock come from two calls at once. */
async function productWithStock(orders: Fetcher, id: string): Promise<Response> {
  const [product, stock] = await Promise.all([
    orders.fetch(`${ORDERS}/products/${id}`),
    orders.fetch(`${ORDERS}/stock/${id}`),
  ]);
  if (!product.ok || !stock.ok) {
    await stock.body?.cancel();
    return product;
  }
  return Response.json({ ...(await product.json<object>()), ...(await stock.json<object>()) });
}

async function placeOrder(orders: Fetcher, request: Request): Promise<Response> {
  const body = await withSpan('read order', () => request.text());
  if (body.length > 10_000) return Response.json({ error: 'that is too much for one order' }, { status: 413 });
  return orders.fetch(`${ORDERS}/orders`, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
}
