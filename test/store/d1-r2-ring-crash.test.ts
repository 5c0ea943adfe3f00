import { ringBindings } from './bindings.ts';
import { crashSuite } from './crash.ts';

// Those in which several databases take part.
crashSuite('three databases', ringBindings(0.5), [
  'a write of late parts',
  'an erasure',
  'a step of expiry that rewrites a block',
]);
