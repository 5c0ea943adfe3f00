import { MAX_NAME_CHARS } from './limits.ts';

/** A name as it is indexed and searched: valid Unicode, at most `MAX_NAME_CHARS` long. */
export function cutName(name: string): string {
  return name.slice(0, MAX_NAME_CHARS).toWellFormed();
}
