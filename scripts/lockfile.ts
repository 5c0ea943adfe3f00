interface Lockfile {
  readonly packages: Readonly<Record<string, { readonly version?: string; readonly resolved?: string }>>;
}

/**
 * What is wrong with a package-lock.json, one sentence each:
 * - it names a registry, so that it would only install where that registry is reached;
 * - it holds a second workerd (120 MB each).
 */
export function lockfileFaults(text: string): string[] {
  const { packages } = JSON.parse(text) as Lockfile;
  const faults: string[] = [];
  const workerds = new Set<string>();
  for (const [path, { version, resolved }] of Object.entries(packages)) {
    if (resolved !== undefined && /^\w+:/.test(resolved)) {
      faults.push(`${path} is resolved to an address; install with omit-lockfile-registry-resolved (see .npmrc)`);
    }
    if (/(^|\/)node_modules\/workerd$/.test(path) && version !== undefined) workerds.add(version);
  }
  if (workerds.size !== 1) faults.push(`there should be one workerd, there are: ${[...workerds].join(', ') || 'none'}`);
  return faults;
}
