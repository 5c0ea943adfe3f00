import { expect, it } from 'vitest';
import { ProtoWriter } from '../../../model/otlp/proto-writer.ts';

it('writes the same wherever its buffer has to grow', () => {
  const write = (initialBytes: number) => {
    const writer = new ProtoWriter(initialBytes);
    for (let length = 0; length < 12; length++) {
      const outer = writer.begin(1);
      const inner = writer.begin(2);
      writer.raw(new Uint8Array(length).fill(0xaa));
      writer.end(inner);
      writer.end(outer);
    }
    return [...writer.finish()];
  };
  const expected = Array.from({ length: 12 }, (_, length) => [
    ...[0x0a, length + 2, 0x12, length],
    ...new Array<number>(length).fill(0xaa),
  ]).flat();
  for (let initialBytes = 1; initialBytes <= expected.length; initialBytes++) {
    expect(write(initialBytes)).toEqual(expected);
  }
});
