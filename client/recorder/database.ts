/** What a page keeps in IndexedDB, as far as the page's core has to know it. */

export const DATABASE = 'tailrace';

/** Deletes all that is kept, whatever edge it is for: who has the database open closes it, and who opens it again waits for that. */
export function deleteDatabase(): void {
  try {
    indexedDB.deleteDatabase(DATABASE);
  } catch {
    // The page may not store anything.
  }
}
