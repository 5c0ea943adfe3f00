import { createD1R2Store } from '../../store/d1-r2.ts';
import { storeContract } from '../contract/store.ts';
import { bindings, clearBindings } from './bindings.ts';

storeContract('D1 and R2', async () => {
  await clearBindings();
  return createD1R2Store(bindings);
});
