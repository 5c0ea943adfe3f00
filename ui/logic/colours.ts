/** Which of the palette's colours a service has: the same in every view, by its name. */

/** Colours in the palette (`--service-0` … in styles/tokens.css). Red is not among them: it means error. */
export const SERVICE_COLOURS = 12;

/**
 * A colour for each name. A name starts at the colour its hash says; where an earlier name (in alphabetical order)
 * has taken that, the next free one. Beyond `SERVICE_COLOURS` names, colours repeat.
 */
export function assignColours(names: Iterable<string>): Map<string, number> {
  const sorted = [...new Set(names)].sort();
  const taken = new Set<number>();
  const colours = new Map<string, number>();
  for (const name of sorted) {
    const first = hashName(name) % SERVICE_COLOURS;
    let colour = first;
    if (taken.size < SERVICE_COLOURS) while (taken.has(colour)) colour = (colour + 1) % SERVICE_COLOURS;
    taken.add(colour);
    colours.set(name, colour);
  }
  return colours;
}

/** FNV-1a over the UTF-16 units, 32 bits unsigned (http://www.isthe.com/chongo/tech/comp/fnv/). */
function hashName(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}
