import { createMemoryStore } from '../../store/memory.ts';
import { storeContract } from '../contract/store.ts';

storeContract('memory', async () => createMemoryStore());
