/** The pots, drawn: a clay body, dipped in glaze. */

interface Pot {
  readonly glaze: string;
  readonly shade: string;
  /** Outline of the body in a 120 x 120 box. */
  readonly body: string;
  /** Parts behind the body, drawn as lines: handles and spouts. */
  readonly lines?: string;
  /** Parts on top, such as a lid, in glaze. */
  readonly top?: string;
  /** The opening, an ellipse. */
  readonly mouth?: readonly [x: number, y: number, rx: number, ry: number];
  /** Where the glaze ends. */
  readonly dip: number;
}

const POTS: Readonly<Record<string, Pot>> = {
  cup: {
    glaze: '#8fb5a3',
    shade: '#6c9784',
    body: 'M34 42H82L77 88Q76 96 67 96H49Q40 96 39 88Z',
    lines: 'M80 52Q100 48 98 64Q96 78 78 77',
    mouth: [58, 42, 24, 5],
    dip: 78,
  },
  bowl: {
    glaze: '#e7e0d2',
    shade: '#c9bfab',
    body: 'M20 50H100Q98 84 74 90L72 97H48L46 90Q22 84 20 50Z',
    mouth: [60, 50, 40, 8],
    dip: 80,
  },
  teapot: {
    glaze: '#2f5f7d',
    shade: '#234960',
    body: 'M58 42C84 42 94 56 92 72C90 90 78 97 58 97C38 97 26 90 24 72C22 56 32 42 58 42Z',
    lines: 'M28 58Q6 58 10 74Q14 88 29 84M90 74Q104 70 108 50',
    top: 'M40 45Q58 28 76 45Q58 51 40 45ZM53 31a5 5 0 1 0 10 0a5 5 0 1 0 -10 0Z',
    dip: 86,
  },
  vase: {
    glaze: '#a5583a',
    shade: '#83422a',
    body: 'M51 20H69Q67 36 77 48Q92 66 82 89Q79 97 70 97H50Q41 97 38 89Q28 66 43 48Q53 36 51 20Z',
    mouth: [60, 20, 9, 3],
    dip: 74,
  },
  jug: {
    glaze: '#7c8a53',
    shade: '#5f6b3d',
    body: 'M38 30L76 30L86 24Q84 38 83 46Q92 68 84 89Q82 97 72 97H48Q38 97 36 89Q28 66 38 30Z',
    lines: 'M37 40Q14 42 20 64Q24 78 35 76',
    dip: 80,
  },
  plate: {
    glaze: '#7d5468',
    shade: '#62404f',
    body: 'M10 74Q10 68 60 68Q110 68 110 74Q108 89 78 93L76 98H44L42 93Q12 89 10 74Z',
    mouth: [60, 74, 50, 9],
    dip: 88,
  },
};

let drawn = 0;

/** An SVG of the product with this id, decorative only. */
export function drawPot(id: string): SVGSVGElement {
  const pot = POTS[id];
  const clip = `glaze-${++drawn}`;
  const holder = document.createElement('template');
  holder.innerHTML = `<svg class="pot" viewBox="0 0 120 120" aria-hidden="true">${pot ? parts(pot, clip) : ''}</svg>`;
  return holder.content.firstElementChild as SVGSVGElement;
}

function parts({ glaze, shade, body, lines, top, mouth, dip }: Pot, clip: string): string {
  return `
    <defs>
      <clipPath id="${clip}"><path d="${body}"/></clipPath>
      <linearGradient id="${clip}-light" x1="0" x2="1">
        <stop offset="0" stop-color="#fff" stop-opacity=".22"/><stop offset=".35" stop-color="#fff" stop-opacity=".04"/>
        <stop offset="1" stop-color="#000" stop-opacity=".24"/>
      </linearGradient>
    </defs>
    <ellipse cx="60" cy="98" rx="40" ry="5" class="pot-shadow"/>
    ${lines ? `<path d="${lines}" fill="none" stroke="${shade}" stroke-width="7" stroke-linecap="round"/>` : ''}
    <g clip-path="url(#${clip})">
      <rect width="120" height="120" fill="#b98a63"/>
      <path d="M0 0H120V${dip}Q100 ${dip + 5} 82 ${dip - 1}T44 ${dip + 1}T0 ${dip - 2}Z" fill="${glaze}"/>
      <rect width="120" height="120" fill="url(#${clip}-light)"/>
    </g>
    ${mouth ? `<ellipse cx="${mouth[0]}" cy="${mouth[1]}" rx="${mouth[2]}" ry="${mouth[3]}" fill="${shade}"/>` : ''}
    ${top ? `<path d="${top}" fill="${shade}"/>` : ''}`;
}
