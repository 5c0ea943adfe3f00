/** The query line as the page edits it: one field at a time, with the rest of the text left as it was typed. */

import { parseQuery } from '../../model/query/parse-query.ts';
import { QueryError } from '../../model/query/query-error.ts';
import { QueryScanner } from '../../model/query/query-scanner.ts';
import { type ConditionSyntax, readCondition } from '../../model/query/query-syntax.ts';
import { formatDuration, formatSearchValue } from '../../model/query/query-value.ts';
import { parseDuration } from './duration.ts';

/** Fields that have a control of their own beside the line. */
export const LINE_FIELDS = ['service', 'operation', 'minDuration', 'maxDuration', 'status'] as const;
export type LineField = (typeof LINE_FIELDS)[number];

/** What is wrong with a line, and where, in UTF-16 units; of length 0 where something is missing. */
export interface LineFault {
  readonly offset: number;
  readonly length: number;
  readonly message: string;
}

/** null for a line that can be searched. */
export function findFault(line: string): LineFault | null {
  try {
    parseQuery(line);
    return null;
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    return { offset: error.offset, length: error.length, message: error.message };
  }
}

/** The line in three parts, the middle one to be marked: what is wrong, or the character at which something is missing. */
export function splitAtFault(line: string, { offset, length }: LineFault): [before: string, at: string, after: string] {
  const start = Math.min(offset, line.length);
  const end = Math.min(Math.max(offset + length, start + 1), line.length);
  return [line.slice(0, start), line.slice(start, end), line.slice(end)];
}

/** What the line says of each field, empty where it says nothing. The line must be without fault. */
export function readFields(line: string): Record<LineField, string> {
  const fields = { service: '', operation: '', minDuration: '', maxDuration: '', status: '' };
  for (const condition of readConditions(line)) {
    const field = fieldOf(condition);
    if (field !== null) fields[field] = condition.value.text;
  }
  return fields;
}

/**
 * The line with a field set, or without it where `value` is empty. A duration must be one that `parseDuration` reads. The line
 * must be without fault.
 */
export function setField(line: string, field: LineField, value: string): string {
  const parts: string[] = [];
  let isPlaced = value === '';
  for (const condition of readConditions(line)) {
    const isField = fieldOf(condition) === field;
    if (!isField) parts.push(line.slice(condition.subject.offset, endOf(condition)));
    else if (!isPlaced) parts.push(formatField(field, value));
    isPlaced ||= isField;
  }
  if (!isPlaced) parts.push(formatField(field, value));
  return parts.join(' ');
}

/** A condition on an attribute or a field whose value is any text. */
export function formatCondition(key: string, value: string): string {
  return `${key}=${formatSearchValue(value)}`;
}

function formatField(field: LineField, value: string): string {
  switch (field) {
    case 'minDuration':
      return `duration>=${formatDuration(parseDuration(value)!)}`;
    case 'maxDuration':
      return `duration<=${formatDuration(parseDuration(value)!)}`;
    default:
      return formatCondition(field, value);
  }
}

function fieldOf({ subject: { field }, operator }: ConditionSyntax): LineField | null {
  switch (field) {
    case 'service':
    case 'operation':
    case 'status':
      return field;
    case 'duration':
      return operator.comparison.startsWith('>') ? 'minDuration' : 'maxDuration';
    default:
      return null;
  }
}

function endOf({ value }: ConditionSyntax): number {
  return value.offset + value.length;
}

function readConditions(line: string): ConditionSyntax[] {
  const scanner = new QueryScanner(line);
  const conditions: ConditionSyntax[] = [];
  scanner.skipSpace();
  while (!scanner.isAtEnd) conditions.push(readCondition(scanner));
  return conditions;
}
