import type { Metadata } from 'next';
import { Suspense } from 'react';
import { Explore } from '@/explore/explore';
import { Allowed } from '@/ui/allowed';
import { Loading } from '@/ui/states';

export const metadata: Metadata = { title: 'Explore' };

export default function Page() {
  return (
    <Allowed>
      <Suspense fallback={<Loading label="The dashboard is loading" className="h-96" />}>
        <Explore />
      </Suspense>
    </Allowed>
  );
}
