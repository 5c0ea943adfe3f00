/** The shop's page. Its tracing is the script tag in index.html; no code here knows of it. */

import { showExchange } from './activity.ts';
import { createApi } from './api.ts';
import { createBasket } from './basket.ts';
import { byId } from './dom.ts';
import { createProductView } from './product.ts';
import { createShelf } from './shelf.ts';

const api = createApi(showExchange);
const basket = createBasket(api);
const openProduct = createProductView(api, (product) => basket.add(product));
const shelf = createShelf(api, (product) => void openProduct(product));

const tries: Readonly<Record<string, () => unknown>> = {
  'try-fast': () => shelf.first() && openProduct(shelf.first()!),
  'try-slow': () => shelf.search('glaze'),
  'try-failing': () => shelf.first() && basket.payRefused(shelf.first()!),
};
for (const [id, run] of Object.entries(tries)) byId(id).addEventListener('click', () => void run());

void shelf.load();
