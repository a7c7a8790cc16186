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
  colour(look: Look): string;
  /** Dashes stand still in time: the line is paler between them, so that none of it is lost. */
  stroke(look: Look, context: CanvasRenderingContext2D, column: number, ratio: number): string | CanvasPattern;
  text: string;
  grid: string;
}

const PALE = 0.3;

export function inkOf(element: HTMLElement): Ink {
  const probe = document.createElement('span');
  element.append(probe);
  const resolve = (name: string) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const colours = new Map(STROKES.map((_, place) => [lookOf(place).colour, resolve(lookOf(place).colour)]));
  const text = resolve('--muted');
  const grid = resolve('--line');
  probe.remove();

  const colour = (look: Look) => colours.get(look.colour) ?? text;
  const patterns = new Map<string, CanvasPattern | null>();
  const stroke = (look: Look, context: CanvasRenderingContext2D, column: number, ratio: number) => {
    if (look.dash.length === 0) return colour(look);
    const lengths = look.dash.map((length) => Math.round(length * ratio));
    const key = `${look.colour} ${lengths}`;
    if (!patterns.has(key)) patterns.set(key, dashes(context, colour(look), lengths));
    const pattern = patterns.get(key);
    const period = lengths.reduce((sum, length) => sum + length, 0);
    pattern?.setTransform(new DOMMatrix().translate(-(column % period), 0));
    return pattern ?? colour(look);
  };
  return { colour, stroke, text, grid };
}

/** Strokes and spaces side by side, to be repeated. */
function dashes(context: CanvasRenderingContext2D, colour: string, lengths: readonly number[]): CanvasPattern | null {
  const [on = 1, off = 1] = lengths;
  const tile = document.createElement('canvas');
  tile.width = on + off;
  tile.height = 1;
  const brush = tile.getContext('2d') as CanvasRenderingContext2D;
  brush.fillStyle = colour;
  brush.fillRect(0, 0, on, 1);
  brush.globalAlpha = PALE;
  brush.fillRect(on, 0, off, 1);
  return context.createPattern(tile, 'repeat');
}
