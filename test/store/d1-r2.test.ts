import { createD1R2Store } from '../../store/d1-r2.ts';
import type { Store } from '../../store/store.ts';
import { retentionContract } from '../contract/retention.ts';
import { statisticsContract } from '../contract/statistics.ts';
import { storeContract } from '../contract/store.ts';
import { bindings, clearBindings, ringBindings } from './bindings.ts';

/** A millisecond: parts of one trace that were decided at different times are in different databases. */
const SHORT_PERIOD_DAYS = 1 / 86_400_000;

const stores: Readonly<Record<string, () => Store>> = {
  'D1 and R2': () => createD1R2Store(bindings),
  'D1 and R2, three databases, indexed': () => indexed(createD1R2Store(ringBindings(122))),
  'D1 and R2, three databases, crossing periods': () => createD1R2Store(ringBindings(SHORT_PERIOD_DAYS)),
};

/** One whose index is made after every write. */
function indexed(store: Store): Store {
  return {
    ...store,
    async write(blockKey, parts) {
      await store.write(blockKey, parts);
      for (let hasMore = true; hasMore; ) ({ hasMore } = await store.index(0));
    },
  };
}

for (const [name, create] of Object.entries(stores)) {
  const createStore = async () => {
    await clearBindings();
    return create();
  };
  storeContract(name, createStore);
  retentionContract(name, createStore);
  statisticsContract(name, createStore, name.includes('crossing'));
}
