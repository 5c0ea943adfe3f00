import { describe, expect, it } from 'vitest';
import { patch } from '../../../client/instrument/patch.ts';

const target = () => ({ add: (a: number, b: number) => a + b });
const double = (original: (a: number, b: number) => number) => (a: number, b: number) => 2 * original(a, b);

describe('a patched function', () => {
  it('is put back', () => {
    const object = target();
    const { add } = object;
    const undo = patch(object, 'add', double);
    expect(object.add(1, 2)).toBe(6);
    undo();
    expect(object.add).toBe(add);
  });

  it('is put back whichever of several of ours goes first', () => {
    for (const order of [
      [0, 1, 2],
      [1, 0, 2],
      [2, 0, 1],
    ]) {
      const object = target();
      const { add } = object;
      const undo = order.map(() => patch(object, 'add', double));
      expect(object.add(1, 2)).toBe(24);
      for (const i of order) undo[i]!();
      expect(object.add).toBe(add);
    }
  });

  it('has what the original has: name, length, and what was added to it', () => {
    const object = target();
    const original = Object.assign(object.add, { [Symbol.for('promised')]: 1 });
    patch(object, 'add', double);
    expect(object.add).not.toBe(original);
    expect(Object.getOwnPropertyDescriptors(object.add)).toEqual(Object.getOwnPropertyDescriptors(original));
  });

  it('does nothing more when somebody has wrapped it meanwhile, and leaves theirs there', () => {
    const object = target();
    const undo = patch(object, 'add', double);
    const ours = object.add;
    const theirs = (a: number, b: number) => ours(a, b) + 100;
    object.add = theirs;
    undo();
    expect(object.add).toBe(theirs);
    expect(object.add(1, 2)).toBe(103);
  });

  it('is left alone where it cannot be written, or is not there', () => {
    const object = Object.freeze(target());
    patch(object, 'add', double)();
    expect(object.add(1, 2)).toBe(3);
    const empty: { add?: (a: number, b: number) => number } = {};
    patch(empty, 'add', double)();
    expect('add' in empty).toBe(false);
  });
});
