import type { Picture } from './picture';

/** The points a picture holds, by line. */
export const held = (picture: Picture): Record<string, [number, number][]> =>
  Object.fromEntries(
    picture.lines
      .filter(({ line }) => line.length > 0)
      .map(({ key, line: { times, values, start, end } }) => [
        key,
        Array.from(times.subarray(start, end), (time, at) => [time, values[start + at] as number]),
      ]),
  );
