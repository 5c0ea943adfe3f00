import { createMemoryStore } from '../../store/memory.ts';
import { retentionContract } from '../contract/retention.ts';
import { statisticsContract } from '../contract/statistics.ts';
import { storeContract } from '../contract/store.ts';

storeContract('memory', async () => createMemoryStore());
retentionContract('memory', async () => createMemoryStore());
statisticsContract('memory', async () => createMemoryStore());
