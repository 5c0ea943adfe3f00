/** What was thrown, which may be anything, in the form of an error. */
export function asError(thrown: unknown): { readonly name: string; readonly message: string; readonly stack?: string } {
  return thrown instanceof Error ? thrown : { name: 'Error', message: String(thrown) };
}
