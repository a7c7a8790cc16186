'use client';

import dynamic from 'next/dynamic';
import { Loading } from '@/ui/states';

// Large, and at home in browsers only.
const Editors = dynamic(() => import('./editors'), {
  ssr: false,
  loading: () => <Loading label="The editors are loading" className="h-[80dvh]" />,
});

export function Playground() {
  return (
    <>
      <h1 className="mb-3 font-semibold text-lg">Playground</h1>
      <Editors />
    </>
  );
}
