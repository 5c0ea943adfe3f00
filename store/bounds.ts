/** What keeps a trace's row under D1's 2 MB, whatever its spans are called. */

/** UTF-16 units of a service or operation name that a summary keeps, and that a search compares. */
export const MAX_NAME_CHARS = 512;
/** Services a summary names. */
export const MAX_SERVICES_PER_SUMMARY = 128;

/** A name as it is stored and searched: valid Unicode, at most `MAX_NAME_CHARS` long. */
export function cutName(name: string): string {
  return name.slice(0, MAX_NAME_CHARS).toWellFormed();
}
