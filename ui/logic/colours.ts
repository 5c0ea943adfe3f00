/** Which of the palette's colours a service has: the same in every view, by its name. */

/** Colours in the palette (`--service-0` … in styles/tokens.css). Red is not among them: it means error. */
export const SERVICE_COLOURS = 12;
/** The first of them are the livelier ones; the others are for deployments with more services than that. */
const FIRST_COLOURS = 8;

/**
 * A colour for each name. A name gets the colour its hash says; where earlier names (in alphabetical order) have that
 * more often than others, the next that is used least. Beyond `SERVICE_COLOURS` names, colours repeat.
 */
export function assignColours(names: Iterable<string>): Map<string, number> {
  const uses = Array.from({ length: SERVICE_COLOURS }, () => 0);
  const colours = new Map<string, number>();
  for (const name of [...new Set(names)].sort()) {
    const wanted = hashName(name) % FIRST_COLOURS;
    let colour = wanted;
    for (let step = 1; step < SERVICE_COLOURS; step++) {
      const other = step < FIRST_COLOURS ? (wanted + step) % FIRST_COLOURS : step;
      if (uses[other]! < uses[colour]!) colour = other;
    }
    uses[colour]!++;
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
