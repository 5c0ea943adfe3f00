/**
 * A block keeps its key for ever, which is how a repeated write recognises it. The object that holds it has the same key until
 * traces are taken out; then it is another object, of the key and a suffix.
 */

const SEPARATOR = '~';

/** @throws RangeError for a key that could be taken for one with a suffix */
export function checkBlockKey(blockKey: string): void {
  if (blockKey.includes(SEPARATOR)) throw new RangeError(`store: a block key may not have a ${SEPARATOR}: ${blockKey}`);
}

/** The key of the block that an object holds. */
export function blockKeyOf(objectKey: string): string {
  return objectKey.split(SEPARATOR, 1)[0]!;
}

/** The suffix after `suffix` of an object with this content. */
export function nextSuffix(suffix: string, content: number): string {
  const generation = suffix === '' ? 0 : Number.parseInt(suffix.slice(1), 10);
  return `${SEPARATOR}${generation + 1}.${content.toString(16).padStart(8, '0')}`;
}
