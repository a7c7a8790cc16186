import type { Metadata } from 'next';
import { Suspense } from 'react';
import { Explore } from '@/explore/explore';
import { Loading } from '@/ui/states';

export const metadata: Metadata = { title: 'Explore' };

export default function Page() {
  return (
    <Suspense fallback={<Loading label="The dashboard is loading" className="h-96" />}>
      <Explore />
    </Suspense>
  );
}
