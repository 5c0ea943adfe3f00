/** What user code gives may be anything, and must not throw in here. */

/** Any value as a text. */
export function asText(value: unknown): string {
  if (typeof value === 'string') return value;
  try {
    return String(value);
  } catch {
    return '';
  }
}

/** What was thrown in the form of an error. */
export function asError(thrown: unknown): { readonly name: string; readonly message: string; readonly stack?: string } {
  return thrown instanceof Error ? thrown : { name: 'Error', message: asText(thrown) };
}
