/** One step of the database's schema. Applied once, in order of `id`; never edited once released. */
export interface Migration {
  readonly id: number;
  readonly name: string;
  readonly statements: readonly string[];
}
