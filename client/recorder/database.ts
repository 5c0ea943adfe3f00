/** IndexedDB as promises: as much of it as is needed to keep batches. */

export const DATABASE = 'tailrace';
/** WebKit's has been known not to answer at all (https://bugs.webkit.org/show_bug.cgi?id=226547). */
const PATIENCE_MS = 3_000;

/** What the request comes to. Rejects also when that takes long. */
export function answerOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = reject;
    setTimeout(reject, PATIENCE_MS);
  });
}

/** Ends the transaction that what was asked of `store` is in; resolves when that is done. Rejects also when it takes long. */
export function commit({ transaction }: IDBObjectStore): Promise<unknown> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = reject;
    // Without this the transaction would need a task of the page to end, and there may be none.
    transaction.commit();
    setTimeout(reject, PATIENCE_MS);
  });
}

/** A store, to read and write in a transaction of its own. */
export function storeIn(database: IDBDatabase, name: string): IDBObjectStore {
  return database.transaction(name, 'readwrite').objectStore(name);
}

/** Deletes all that is kept, whatever edge it is for: who has the database open closes it, and who opens it again waits for that. */
export function deleteDatabase(): void {
  try {
    indexedDB.deleteDatabase(DATABASE);
  } catch {
    // The page may not store anything.
  }
}
