/** How many of these options are given. */
export function countGiven(options: object, names: readonly string[]): number {
  return names.filter((name) => (options as Record<string, unknown>)[name] !== undefined).length;
}
