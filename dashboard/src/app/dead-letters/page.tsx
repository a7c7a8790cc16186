import type { Metadata } from 'next';
import { Suspense } from 'react';
import { DeadLetters } from '@/letters/dead-letters';
import { Allowed } from '@/ui/allowed';
import { Loading } from '@/ui/states';

export const metadata: Metadata = { title: 'Dead letters' };

export default function Page() {
  return (
    <Allowed streams>
      <Suspense fallback={<Loading label="The dead letters are loading" className="h-96" />}>
        <DeadLetters />
      </Suspense>
    </Allowed>
  );
}
