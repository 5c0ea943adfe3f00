/** What the pottery sells. */

export interface Product {
  readonly id: string;
  readonly name: string;
  /** Euro cents. */
  readonly priceCents: number;
  readonly note: string;
  readonly description: string;
  readonly stock: number;
}

export const CATALOG: readonly Product[] = [
  {
    id: 'cup',
    name: 'Morning cup',
    priceCents: 2400,
    note: 'Celadon over red clay',
    description: 'A handful of a cup, thin at the lip and heavy at the foot, so that it stays where you put it.',
    stock: 14,
  },
  {
    id: 'bowl',
    name: 'Rice bowl',
    priceCents: 2800,
    note: 'Ash white, bare foot',
    description: 'Turned in one pull. The glaze stops a finger above the foot, where the clay feels like river sand.',
    stock: 9,
  },
  {
    id: 'teapot',
    name: 'Weir teapot',
    priceCents: 8600,
    note: 'Deep blue, 0.7 l',
    description: 'Pours without a drop on the table. The lid has a little play, which is how it breathes.',
    stock: 3,
  },
  {
    id: 'vase',
    name: 'Reed vase',
    priceCents: 5400,
    note: 'Iron rust, narrow neck',
    description: 'For three stems at most. The neck holds them apart as a hand would.',
    stock: 5,
  },
  {
    id: 'jug',
    name: 'Spring jug',
    priceCents: 6200,
    note: 'Moss, one litre',
    description: 'A milk jug that grew up. Balanced to be poured with two fingers.',
    stock: 7,
  },
  {
    id: 'plate',
    name: 'Supper plate',
    priceCents: 3600,
    note: 'Plum, 26 cm',
    description: 'Wide rim, shallow well. Stacks by sixes and does not mind the dishwasher.',
    stock: 18,
  },
];
