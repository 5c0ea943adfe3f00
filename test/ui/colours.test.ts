import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assignColours, SERVICE_COLOURS } from '../../ui/logic/colours.ts';

const names = fc.uniqueArray(fc.string({ minLength: 1 }), { maxLength: SERVICE_COLOURS });

describe('assignColours', () => {
  it('gives each of up to twelve services a colour of its own', () => {
    fc.assert(
      fc.property(names, (services) => {
        const colours = [...assignColours(services).values()];
        expect(new Set(colours).size).toBe(services.length);
        for (const colour of colours) expect(colour).toBeLessThan(SERVICE_COLOURS);
      }),
    );
  });

  it('does not depend on the order or on repeats', () => {
    fc.assert(
      fc.property(names, (services) => {
        const again = assignColours([...services, ...services.toReversed()]);
        for (const [name, colour] of assignColours(services)) expect(again.get(name)).toBe(colour);
      }),
    );
  });

  it('leaves the colours of services alone whose colour a newcomer does not want', () => {
    const services = ['gateway', 'orders', 'shop-page'];
    const before = assignColours(services);
    const newcomers = Array.from({ length: 20 }, (_, n) => `auth-${n}`).filter(
      (name) => ![...before.values()].includes(assignColours([name]).get(name)!),
    );
    expect(newcomers.length).toBeGreaterThan(5);
    for (const name of newcomers) {
      const after = assignColours([...services, name]);
      for (const [service, colour] of before) expect(after.get(service)).toBe(colour);
    }
  });

  it('gives up to eight services the livelier colours', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string(), { maxLength: 8 }), (services) => {
        for (const colour of assignColours(services).values()) expect(colour).toBeLessThan(8);
      }),
    );
  });

  it('repeats colours beyond twelve, none more often than others', () => {
    const many = Array.from({ length: SERVICE_COLOURS * 5 }, (_, n) => `service-${n}`);
    const uses = Array.from({ length: SERVICE_COLOURS }, () => 0);
    for (const colour of assignColours(many).values()) uses[colour]!++;
    expect(new Set(uses)).toEqual(new Set([5]));
  });
});
