'use client';

import Link from 'next/link';
import type { NewestPointFragment } from '@/api/generated/graphql';
import { exploreLink } from '@/explore/link';
import { Card } from '@/ui/card';
import { clock, count, time } from '@/ui/format';
import { AsOf, Stale } from '@/ui/stale';
import { Loading, Trouble } from '@/ui/states';
import { inUnit, unitNamed, unitOfMetric } from '@/ui/units';
import type { MetricCount } from './choose';
import { FirstSteps } from './first-steps';
import { useNewest } from './use-newest';

const LINK = 'text-accent underline-offset-2 hover:underline';

export function NewestValues() {
  const { chosen, values, error, at, stale, again } = useNewest();
  if (chosen && chosen.shown.length + chosen.rest.length === 0) return <FirstSteps />;
  return (
    <Card title="Newest values" aside={<AsOf stale={stale} at={at} />}>
      {error && <Trouble error={error} onRetry={again} />}
      {!error && !(chosen && (values || chosen.shown.length === 0)) && (
        <Loading label="The newest values are on their way" className="h-80" />
      )}
      {values && values.length > 0 && (
        <Stale stale={stale}>
          <Values rows={values} />
        </Stale>
      )}
      {chosen && chosen.rest.length > 0 && <OtherMetrics metrics={chosen.rest} />}
    </Card>
  );
}

function Values({ rows }: { rows: readonly NewestPointFragment[] }) {
  return (
    <table className="w-full">
      <caption className="sr-only">The newest point of each series</caption>
      <thead className="text-left text-muted text-xs">
        <tr>
          <th className="py-1 font-normal">Series</th>
          <th className="py-1 pl-3 text-right font-normal">Value</th>
          <th className="py-1 pl-3 text-right font-normal">Time</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ series, ts, value }) => (
          <tr key={series.key} className="border-line border-t">
            <th scope="row" className="wrap-anywhere py-1.5 text-left font-mono font-normal text-[0.95em]">
              <Link href={exploreLink(series)} className={LINK}>
                {series.key}
              </Link>
            </th>
            <td className="whitespace-nowrap py-1.5 pl-3 text-right tabular-nums">
              {inUnit(value, unitNamed(unitOfMetric(series.metric)))}
            </td>
            <td className="whitespace-nowrap py-1.5 pl-3 text-right text-muted tabular-nums" title={time(ts)}>
              {clock(ts)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Those with more series than have room here. */
function OtherMetrics({ metrics }: { metrics: readonly MetricCount[] }) {
  return (
    <div className="mt-3 border-line border-t pt-3">
      <h3 className="mb-1 text-muted text-xs">More metrics</h3>
      <ul className="flex flex-wrap gap-x-4 gap-y-1">
        {metrics.map(({ name, series }) => (
          <li key={name} className="break-all">
            <Link href={exploreLink({ metric: name })} className={LINK}>
              {name}
            </Link>{' '}
            <span className="text-muted">{count(series)} series</span>
          </li>
        ))}
        <li>
          <Link href={exploreLink({})} className={LINK}>
            All metrics
          </Link>
        </li>
      </ul>
    </div>
  );
}
