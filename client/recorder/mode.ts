/** `shared`: a worker drains shared memory. `copied`: a worker sends copies of batches. `page`: there is no worker. */
export type RecorderMode = 'shared' | 'copied' | 'page';
