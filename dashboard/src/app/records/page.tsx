import type { Metadata } from 'next';
import { Suspense } from 'react';
import { Records } from '@/records/records';
import { Allowed } from '@/ui/allowed';
import { Loading } from '@/ui/states';

export const metadata: Metadata = { title: 'Records' };

export default function Page() {
  return (
    <Allowed streams needs="operate">
      <Suspense fallback={<Loading label="The records are on their way" className="h-96" />}>
        <Records />
      </Suspense>
    </Allowed>
  );
}
