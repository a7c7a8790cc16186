import { Button } from '@/ui/button';
import { Select } from '@/ui/fields';
import { count } from '@/ui/format';
import { type Choice, LENGTHS, type Length } from './choice';
import { type Outcome, SHOWN, TITLES } from './outcome';

interface Props {
  choice: Choice & { stream: string };
  streams: readonly string[];
  /** Of each outcome, once records are there. */
  counts: Record<Outcome, number> | undefined;
  isReading: boolean;
  onChoose(choice: Choice): void;
  onRefresh(): void;
}

export function ChoiceBar({ choice, streams, counts, isReading, onChoose, onRefresh }: Props) {
  const all = counts && SHOWN.reduce((sum, outcome) => sum + counts[outcome], 0);
  return (
    <form
      aria-label="Which records"
      className="flex flex-wrap items-end gap-3"
      onSubmit={(event) => event.preventDefault()}
    >
      <Select
        label="Stream"
        value={choice.stream}
        className="min-w-0 max-w-full"
        options={streams}
        onChange={(stream) => onChoose({ ...choice, stream })}
      />
      <Select<Length>
        label="The last"
        value={choice.last}
        options={LENGTHS.map((value) => ({ value, title: `${value} records` }))}
        onChange={(last) => onChoose({ ...choice, last })}
      />
      <fieldset className="flex flex-wrap gap-1">
        <legend className="mb-1 text-muted text-xs">Show</legend>
        {[null, ...SHOWN].map((show) => {
          const isChosen = choice.show === show;
          const number = counts && (show ? counts[show] : all);
          return (
            <Button
              key={show}
              aria-pressed={isChosen}
              className="aria-pressed:border-accent aria-pressed:bg-raised aria-pressed:font-medium"
              onClick={() => onChoose({ ...choice, show })}
            >
              {isChosen && <span aria-hidden="true">✓</span>}
              {show ? TITLES[show] : 'All'}
              <span className="text-muted tabular-nums">{number === undefined ? '' : count(number)}</span>
            </Button>
          );
        })}
      </fieldset>
      <Button className="ml-auto" aria-disabled={isReading} onClick={isReading ? undefined : onRefresh}>
        {isReading ? 'Reading' : 'Refresh'}
      </Button>
    </form>
  );
}
