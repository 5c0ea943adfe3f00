import { bindings } from './bindings.ts';
import { crashSuite, STORY_NAMES } from './crash.ts';

crashSuite('one database', bindings, STORY_NAMES);
