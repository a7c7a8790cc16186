'use client';

import Link from 'next/link';
import { useApi } from '@/api/query';
import { count } from '@/ui/format';
import { WaitingLetters } from './documents';
import { READINGS } from './readings';
import type { Sample } from './samples';
import { Tile } from './tile';

const LETTERS_EVERY_MS = 10_000;

export function Tiles({ samples }: { samples: readonly Sample[] }) {
  return (
    <dl className="grid grid-cols-2 gap-3 sm:grid-cols-3 lg:grid-cols-5">
      <Tile reading={READINGS.points} samples={samples} className="col-span-2 lg:col-span-1" />
      <Tile reading={READINGS.lag} samples={samples} />
      <Tile reading={READINGS.latency} samples={samples} />
      <Tile reading={READINGS.subscribers} samples={samples} />
      <Tile reading={READINGS.deadLetters} samples={samples} detail={<Waiting />} />
    </dl>
  );
}

function Waiting() {
  const { data } = useApi(WaitingLetters, {}, { refetchInterval: LETTERS_EVERY_MS, retry: false });
  const waiting = data?.deadLetterReasons.reduce((sum, reason) => sum + reason.count, 0);
  return (
    <Link href="/dead-letters" className="text-accent underline underline-offset-2">
      {waiting === undefined ? 'see waiting' : waiting === 0 ? 'none waiting' : `${count(waiting)} waiting`}
    </Link>
  );
}
