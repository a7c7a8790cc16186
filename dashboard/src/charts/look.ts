/** How the lines of a chart are told apart, also by who sees few colours: Okabe and Ito's, then with dashes. */
export interface Look {
  /** The CSS variable of its colour. */
  colour: string;
  /** Tailwind's class for the same as a stroke. */
  stroke: string;
  /** Lengths of strokes and spaces in CSS pixels. */
  dash: readonly number[];
}

const STROKES = [
  'stroke-series-1',
  'stroke-series-2',
  'stroke-series-3',
  'stroke-series-4',
  'stroke-series-5',
  'stroke-series-6',
  'stroke-series-7',
] as const;
const DASHES = [[], [7, 3], [2, 2]] as const;

/** More lines than can be told apart are not drawn. */
export const LINES_MAX = 20;

export function lookOf(place: number): Look {
  const colour = place % STROKES.length;
  return {
    colour: `--series-${colour + 1}`,
    stroke: STROKES[colour] as string,
    dash: DASHES[Math.floor(place / STROKES.length) % DASHES.length] as readonly number[],
  };
}

/** What a canvas has to be told, as it knows no variables. */
export interface Ink {
  line(colour: string): string;
  text: string;
  grid: string;
}

export function inkOf(element: HTMLElement): Ink {
  const probe = document.createElement('span');
  element.append(probe);
  const known = new Map<string, string>();
  const resolve = (name: string) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  for (let place = 0; place < STROKES.length; place += 1) {
    const { colour } = lookOf(place);
    known.set(colour, resolve(colour));
  }
  const text = resolve('--muted');
  const grid = resolve('--line');
  probe.remove();
  return { line: (colour) => known.get(colour) ?? text, text, grid };
}
