import { createD1R2Store, type D1R2Bindings } from '../../store/d1-r2.ts';
import { retentionContract } from '../contract/retention.ts';
import { statisticsContract } from '../contract/statistics.ts';
import { storeContract } from '../contract/store.ts';
import { bindings, clearBindings, ringBindings } from './bindings.ts';

/** A millisecond: parts of one trace that were decided at different times are in different databases. */
const SHORT_PERIOD_DAYS = 1 / 86_400_000;

const stores: Readonly<Record<string, D1R2Bindings>> = {
  'D1 and R2': bindings,
  'D1 and R2, three databases': ringBindings(122),
  'D1 and R2, three databases, crossing periods': ringBindings(SHORT_PERIOD_DAYS),
};

for (const [name, each] of Object.entries(stores)) {
  const createStore = async () => {
    await clearBindings();
    return createD1R2Store(each);
  };
  storeContract(name, createStore);
  retentionContract(name, createStore);
  statisticsContract(name, createStore, each.periodDays === SHORT_PERIOD_DAYS);
}
