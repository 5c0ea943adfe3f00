import { describe, expect, it } from 'vitest';
import { BINDINGS, commandOf } from '../../ui/logic/keys.ts';

const press = (key: string, held: Partial<Record<'shiftKey' | 'ctrlKey' | 'metaKey' | 'altKey', boolean>> = {}) => ({
  key,
  shiftKey: false,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  ...held,
});

describe('commandOf', () => {
  it('gives each key one command', () => {
    const keys = BINDINGS.flatMap((binding) => binding.keys);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('moves in the rows only where the rows have the focus', () => {
    expect(commandOf(press('ArrowDown'), true)).toBe('next');
    expect(commandOf(press('ArrowDown'), false)).toBeNull();
    expect(commandOf(press('Enter'), false)).toBeNull();
    expect(commandOf(press('Escape'), false)).toBe('close');
  });

  it('tells shift with an arrow from the arrow, and takes what shift types as it is', () => {
    expect(commandOf(press('ArrowLeft', { shiftKey: true }), true)).toBe('panLeft');
    expect(commandOf(press('+', { shiftKey: true }), false)).toBe('zoomIn');
    expect(commandOf(press('?', { shiftKey: true }), false)).toBe('help');
    expect(commandOf(press('N', { shiftKey: true }), false)).toBe('previousMatch');
  });

  it('leaves the browser its own keys', () => {
    expect(commandOf(press('+', { ctrlKey: true }), true)).toBeNull();
    expect(commandOf(press('ArrowLeft', { altKey: true }), true)).toBeNull();
    expect(commandOf(press('0', { metaKey: true }), true)).toBeNull();
    expect(commandOf(press('q'), true)).toBeNull();
  });
});
