/** Waits for the end of the document's load. What records it comes with the recorder, which that needs anyway. */

/** Calls `record` once, when the load is complete; the result cancels that. */
export function instrumentDocumentLoad(record: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  // The load event's own end is known only after its listeners have run.
  const onLoad = () => {
    timer = setTimeout(record, 0);
  };
  if (document.readyState === 'complete') onLoad();
  else addEventListener('load', onLoad, { once: true });
  return () => {
    removeEventListener('load', onLoad);
    clearTimeout(timer);
  };
}
