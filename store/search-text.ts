/**
 * The services and operations of a trace as one text that SQLite's `instr` can search exactly.
 *
 * Every pair is a line `service TAB operation`; a service without a pair is a line `service TAB CR`. Lines stand between
 * line feeds. The characters that structure the text are escaped in names, so no name can look like another one's line.
 */

import { cutName } from '../model/names.ts';
import type { Operation } from './merge.ts';

const NO_OPERATION = '\r';
const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\0': '\\0',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
};
const CHARACTERS = new Map(Object.entries(ESCAPES).map(([character, escaped]) => [escaped, character]));

/** The text for a trace's operations and all its services. */
export function formatSearchText(operations: readonly Operation[], services: readonly string[]): string {
  const withOperations = new Set(operations.map(([service]) => service));
  const alone = new Set(services.filter((service) => !withOperations.has(service)));
  const lines = [
    ...operations.map(([service, operation]) => `${escapeName(service)}\t${escapeName(operation)}`),
    ...[...alone].map((service) => `${escapeName(service)}\t${NO_OPERATION}`),
  ];
  return `\n${lines.join('\n')}\n`;
}

/** The operations a search text was made of. */
export function parseSearchText(text: string): Operation[] {
  return text
    .split('\n')
    .map((line) => line.split('\t'))
    .filter((fields) => fields.length === 2 && fields[1] !== NO_OPERATION)
    .map(([service, operation]): Operation => [unescapeName(service!), unescapeName(operation!)]);
}

/** What the text of a trace contains exactly when the trace has the service, the operation, or both in one span. */
export function searchTerm(service: string | undefined, operation: string | undefined): string | null {
  if (service !== undefined && operation !== undefined) {
    return `\n${escapeName(cutName(service))}\t${escapeName(cutName(operation))}\n`;
  }
  if (service !== undefined) return `\n${escapeName(cutName(service))}\t`;
  if (operation !== undefined) return `\t${escapeName(cutName(operation))}\n`;
  return null;
}

function escapeName(name: string): string {
  return name.replace(/[\\\0\t\n\r]/g, (character) => ESCAPES[character]!);
}

function unescapeName(text: string): string {
  return text.replace(/\\./g, (escaped) => CHARACTERS.get(escaped) ?? escaped);
}
