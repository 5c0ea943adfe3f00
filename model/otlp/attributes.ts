/** The attributes of messages that protobuf-es has decoded, as a span has them. */

import { fromBinary } from '@bufbuild/protobuf';
import { base64Encode } from '@bufbuild/protobuf/wire';
import type { Attributes, AttributeValue } from '../span.ts';
import { type AnyValue, AnyValueSchema, type KeyValue } from './gen/trace_pb.js';

export function decodeAttributes(attributes: readonly KeyValue[]): Attributes {
  // Own properties only, whatever the keys are: `__proto__` is a key like any other.
  return Object.fromEntries(attributes.map(({ key, value }) => [key, decodeValue(value)]));
}

/** The value that `AnyValue` bytes are. */
export function decodeAnyValue(bytes: Uint8Array): AttributeValue {
  return decodeValue(fromBinary(AnyValueSchema, bytes));
}

function decodeValue(value: AnyValue | undefined): AttributeValue {
  switch (value?.value.case) {
    case undefined:
      return null;
    case 'stringValue':
    case 'boolValue':
      return value.value.value;
    case 'intValue': {
      const number = Number(value.value.value);
      return Number.isSafeInteger(number) ? number : value.value.value.toString();
    }
    case 'doubleValue':
      return Number.isFinite(value.value.value) ? value.value.value : String(value.value.value);
    case 'arrayValue':
      return value.value.value.values.map(decodeValue);
    case 'kvlistValue':
      return decodeAttributes(value.value.value.values);
    case 'bytesValue':
      return { bytes: base64Encode(value.value.value) };
  }
}
