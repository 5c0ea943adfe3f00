/** What keeps a trace's row under D1's 2 MB, whatever its spans are called. */

/** Services a summary names. */
export const MAX_SERVICES_PER_SUMMARY = 128;
