/** Marks what came under a page's key, whatever the protocol, and takes from everybody else what only the edge may say. */

import { Buffer } from 'node:buffer';
import type { KeyClass } from '../../durable-objects/keys.ts';
import { ANY_VALUE, KEY_VALUE, RESOURCE, RESOURCE_SPANS } from '../../model/otlp/fields.ts';
import { ProtoWriter } from '../../model/otlp/proto-writer.ts';
import { KEY_CLASS, type SpanTable } from '../../model/otlp/span-table.ts';

/** What a sender's own claim is called from then on: of the same length, so that it is written over in place. */
const CLAIM = 'tailrace.key_claim';

/** A message field that comes twice is one: this adds an attribute to whatever the resource has. */
const PAGE_MARK = encodeMark();

/** Marks the resources of a table that was scanned of a request under a key of this class. */
export function markKeyClass(table: SpanTable, keyClass: KeyClass): void {
  for (const resource of table.resources) {
    for (const part of resource.parts) overwriteClaims(part);
    resource.isPage = keyClass === 'page';
    if (resource.isPage) {
      resource.parts.push(PAGE_MARK);
      resource.bytes += PAGE_MARK.length;
    }
  }
}

function overwriteClaims(part: Uint8Array): void {
  const bytes = Buffer.from(part.buffer, part.byteOffset, part.length);
  for (let at = bytes.indexOf(KEY_CLASS); at !== -1; at = bytes.indexOf(KEY_CLASS, at))
    bytes.write(CLAIM, at, 'latin1');
}

function encodeMark(): Uint8Array {
  const writer = new ProtoWriter(64);
  const resource = writer.begin(RESOURCE_SPANS.resource);
  const attribute = writer.begin(RESOURCE.attributes);
  writer.stringField(KEY_VALUE.key, KEY_CLASS);
  const value = writer.begin(KEY_VALUE.value);
  writer.stringField(ANY_VALUE.stringValue, 'page');
  writer.end(value);
  writer.end(attribute);
  writer.end(resource);
  return writer.finish();
}
