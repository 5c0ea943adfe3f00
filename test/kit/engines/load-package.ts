/** A package's default export, or all of them where it has none; null when it is not installed. */
export async function loadPackage<T>(name: string): Promise<T | null> {
  try {
    const module = await import(/* @vite-ignore */ name);
    return (module.default ?? module) as T;
  } catch {
    return null;
  }
}
