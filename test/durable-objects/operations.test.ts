import { expect, it } from 'vitest';
import { Operations, OTHER } from '../../durable-objects/columns/operations.ts';

it('gives the same pair the same number, and other pairs others', () => {
  const seen: string[] = [];
  const operations = new Operations((id, service, name) => seen.push(`${id} ${service} ${name}`));
  const ids = [
    ['shop', 'GET /'],
    ['sho', 'pGET /'],
    ['', 'shopGET /'],
    ['shop', ''],
  ].map(([service, name]) => operations.idOf(service!, name!));
  expect(new Set(ids).size).toBe(4);
  expect(operations.idOf('shop', 'GET /')).toBe(ids[0]);
  expect([operations.service(ids[1]!), operations.name(ids[1]!)]).toEqual(['sho', 'pGET /']);
  expect(seen).toHaveLength(4);
});

it('stays bounded whatever names come, and ends', () => {
  const operations = new Operations(() => {});
  for (let i = 0; i < 3_000; i++) operations.idOf('one', `operation ${i}`);
  expect(operations.name(operations.idOf('one', 'operation 2999'))).toBe(OTHER);
  expect(operations.service(operations.idOf('one', 'operation 2999'))).toBe('one');
  for (let i = 0; i < 70_000; i++) operations.idOf(`service ${i}`, OTHER);
  for (let i = 0; i < 70_000; i++) operations.idOf(`service ${i}`, `operation ${i}`);
  expect(operations.size).toBeLessThan(22_000);
  expect(operations.overflowed).toBeGreaterThan(100_000);
  const last = operations.idOf('service 69999', OTHER);
  expect([operations.service(last), operations.name(last)]).toEqual([OTHER, OTHER]);
});
